// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Components as the tree of sections that they are.
//!
//! A section is a byte that says its kind, a length and its contents; those of two kinds are
//! modules and components themselves. A change within one keeps all the lengths around it right,
//! without which nothing behind the first of them would be looked at.

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use crate::mutate::{change_bytes, times};

/// The magic number, the version and the layer.
const HEADER: usize = 8;
/// The kinds of sections of a component that hold a module, and a component.
const HOLDERS: [u8; 2] = [1, 4];

/// A module or a component.
#[derive(Debug, Clone, PartialEq)]
struct Binary {
    header: [u8; HEADER],
    sections: Vec<Section>,
    /// What comes after the last section that is whole.
    rest: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq)]
struct Section {
    kind: u8,
    contents: Contents,
}

#[derive(Debug, Clone, PartialEq)]
enum Contents {
    Bytes(Vec<u8>),
    Binary(Binary),
}

/// A component that is made of two.
pub fn mutate(one: &[u8], other: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let (Some(mut binary), Some(other)) = (Binary::parse(one), Binary::parse(other)) else {
        let mut bytes = one.to_vec();
        change_bytes(&mut bytes, rng);
        return bytes;
    };
    for _ in 0..times(rng) {
        binary.change(&other, rng);
    }
    let mut bytes = Vec::new();
    binary.write(&mut bytes);
    bytes
}

impl Binary {
    fn parse(bytes: &[u8]) -> Option<Binary> {
        let (header, mut rest) = bytes.split_first_chunk::<HEADER>()?;
        let is_component = header.get(6) == Some(&1);
        let mut sections = Vec::new();
        while let Some((section, behind)) = Section::parse(rest, is_component) {
            sections.push(section);
            rest = behind;
        }
        Some(Binary { header: *header, sections, rest: rest.to_vec() })
    }

    fn change(&mut self, other: &Binary, rng: &mut StdRng) {
        if self.sections.is_empty() {
            self.sections.extend(other.sections.choose(rng).cloned());
            return;
        }
        let at = rng.random_range(0..self.sections.len());
        match rng.random_range(0..10) {
            0 => drop(self.sections.remove(at)),
            1 => {
                let count = 1 << rng.random_range(0..6);
                if let Some(section) = self.sections.get(at).cloned() {
                    self.sections.splice(at..at, std::iter::repeat_n(section, count));
                }
            }
            2 => {
                let with = rng.random_range(0..self.sections.len());
                self.sections.swap(at, with);
            }
            3 => {
                let theirs = other.sections.choose(rng).cloned();
                self.sections.splice(at..at, theirs);
            }
            4 => {
                let kind = rng.random_range(0..14);
                self.sections.iter_mut().skip(at).take(1).for_each(|section| section.kind = kind);
            }
            _ => match self.sections.get_mut(at).map(|section| &mut section.contents) {
                Some(Contents::Binary(inner)) => {
                    let held =
                        other.sections.iter().filter_map(|section| match &section.contents {
                            Contents::Binary(binary) => Some(binary),
                            Contents::Bytes(_) => None,
                        });
                    let held: Vec<_> = held.collect();
                    let theirs =
                        held.choose(rng).map_or_else(|| inner.clone(), |&held| held.clone());
                    inner.change(&theirs, rng);
                }
                Some(Contents::Bytes(bytes)) => change_bytes(bytes, rng),
                None => {}
            },
        }
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.header);
        for section in &self.sections {
            let mut contents = Vec::new();
            match &section.contents {
                Contents::Bytes(bytes) => contents.clone_from(bytes),
                Contents::Binary(binary) => binary.write(&mut contents),
            }
            bytes.push(section.kind);
            write_length(contents.len(), bytes);
            bytes.extend(contents);
        }
        bytes.extend(&self.rest);
    }
}

impl Section {
    fn parse(bytes: &[u8], of_component: bool) -> Option<(Section, &[u8])> {
        let (kind, rest) = bytes.split_first()?;
        let (length, rest) = read_length(rest)?;
        let (contents, rest) = rest.split_at_checked(length)?;
        let inner = (of_component && HOLDERS.contains(kind)).then(|| Binary::parse(contents));
        let contents = match inner.flatten() {
            Some(binary) => Contents::Binary(binary),
            None => Contents::Bytes(contents.to_vec()),
        };
        Some((Section { kind: *kind, contents }, rest))
    }
}

/// A number as the format has it: seven bits a byte, least first.
fn read_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((length, bytes.get(at + 1..)?));
        }
    }
    None
}

fn write_length(mut length: usize, bytes: &mut Vec<u8>) {
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_written_as_it_was_read() {
        let text = r#"(component
            (core module $m (func (export "f")) (memory 1))
            (component (core module (func)))
            (core instance (instantiate $m)))"#;
        let bytes = wat::parse_str(text).unwrap();
        let binary = Binary::parse(&bytes).unwrap();
        let holders = binary.sections.iter().filter(|s| matches!(s.contents, Contents::Binary(_)));
        assert_eq!(holders.count(), 2);
        let mut written = Vec::new();
        binary.write(&mut written);
        assert_eq!(written, bytes);
    }
}
