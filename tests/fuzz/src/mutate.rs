// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Makes inputs of others.
//!
//! An input is cut into pieces that mean something: words, blanks and single characters of a text,
//! sections of a component. Pieces are removed, doubled, swapped, taken from another input or
//! replaced by what is known to make trouble. So most inputs are still JSON, TOML or HTTP, and come
//! further than into the parser.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use crate::sections;
use crate::targets::Target;

/// The most bytes of an input.
const LARGEST: usize = 512 << 10;

/// What makes trouble in texts.
const TROUBLE: &[&str] = &[
    "",
    "0",
    "-1",
    "-0.0",
    "1e400",
    "0.1e-400",
    "NaN",
    "4294967296",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "100000000000000000000000000000000000000000",
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\\u0000",
    "\\ud800",
    "\\",
    "\0",
    "\u{feff}",
    "\u{202e}",
    "\u{10ffff}",
    "\r",
    "\r\n\r\n",
    "%00",
    "%ff",
    "../../../../etc/passwd",
    "/dev/zero",
    "0000-00-00T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "-009999-01-01T00:00:00Z",
    "2026-02-30T25:61:61+99:99",
    "${",
    "${NUMBER}",
    "${NUMBER:-${NUMBER}}",
    "$$",
    "//",
    "http://[::1]:0/",
    "https://user:password@localhost:99999/?#",
];

/// Words of one target's inputs.
const fn words_of(target: Target) -> &'static [&'static str] {
    match target {
        Target::Har => {
            &["_file", "base64", "encoding", "bodies/x.body", "comment", "status", "text"]
        }
        Target::Configuration => &[
            "[[",
            "]]",
            "'''",
            "\"\"\"",
            "{ kind = \"basic\", secret = \"${NUMBER}\" }",
            "744h",
            "1TiB",
            "$..email",
            "sqlite::memory:",
            "postgres://",
            "mysql://a:b@c/d?e=f",
        ],
        Target::Answers => &[
            "HTTP/1.1 200 OK",
            "HTTP/1.0 429 \n",
            "HTTP/1.1 304 Not Modified\n",
            "transfer-encoding: chunked\n",
            "content-encoding: gzip\n",
            "content-length: 0\n",
            "content-length: 18446744073709551615\n",
            "retry-after: 0\n",
            "retry-after: Wed, 21 Oct 2015 07:28:00 GMT\n",
            "x-ratelimit-remaining: 0\n",
            "x-ratelimit-reset: 99999999999999\n",
            "link: <>; rel=\"next\"\n",
            "location: /\n",
            "\n=====\n",
            "ffffffffffffffff\n",
        ],
        Target::Component | Target::Planted => &[],
    }
}

/// Makes inputs for a target.
pub struct Mutator {
    target: Target,
}

impl Mutator {
    /// One for this target.
    pub fn of(target: Target) -> Mutator {
        Mutator { target }
    }

    /// An input that is made of one or two of `pool`.
    pub fn make(&self, pool: &[Vec<u8>], rng: &mut StdRng) -> Vec<u8> {
        let (Some(one), Some(other)) = (pool.choose(rng), pool.choose(rng)) else {
            return Vec::new();
        };
        let mut input = if self.target == Target::Component {
            sections::mutate(one, other, rng)
        } else {
            let mut pieces = pieces_of(one);
            let others = pieces_of(other);
            for _ in 0..times(rng) {
                self.change(&mut pieces, &others, rng);
            }
            pieces.concat()
        };
        if rng.random_ratio(1, 8) {
            change_bytes(&mut input, rng);
        }
        input.truncate(LARGEST);
        input
    }

    fn change<'a>(&self, pieces: &mut Vec<&'a [u8]>, others: &[&'a [u8]], rng: &mut StdRng) {
        let some = range(pieces.len(), rng);
        match rng.random_range(0..8) {
            0 => drop(pieces.drain(some)),
            // Up to thousands of them: depth and length are what parsers forget.
            1 => {
                let count = 1 << rng.random_range(0..14);
                let most =
                    LARGEST / pieces.get(some.clone()).map_or(1, |some| some.concat().len()).max(1);
                let repeated = pieces.get(some.clone()).unwrap_or_default().repeat(count.min(most));
                pieces.splice(some, repeated);
            }
            2 if !pieces.is_empty() => {
                let (a, b) = (rng.random_range(0..pieces.len()), rng.random_range(0..pieces.len()));
                pieces.swap(a, b);
            }
            3 => {
                let theirs = others.get(range(others.len(), rng)).unwrap_or_default().to_vec();
                pieces.splice(some, theirs);
            }
            // Another word for a word: what is around it stays whole.
            4 => {
                let words =
                    others.iter().filter(|piece| is_word(piece)).copied().collect::<Vec<_>>();
                self.replace_word(pieces, words.choose(rng).copied(), rng);
            }
            5 => {
                let word = words_of(self.target).choose(rng).map(|word| word.as_bytes());
                let at = some.start;
                pieces.splice(at..at, word);
            }
            6 => pieces.truncate(some.start.max(1)),
            _ => {
                let trouble = TROUBLE.choose(rng).map(|trouble| trouble.as_bytes());
                self.replace_word(pieces, trouble, rng);
            }
        }
    }

    fn replace_word<'a>(&self, pieces: &mut [&'a [u8]], by: Option<&'a [u8]>, rng: &mut StdRng) {
        let words: Vec<usize> = (0..pieces.len())
            .filter(|at| pieces.get(*at).is_some_and(|piece| is_word(piece)))
            .collect();
        if let (Some(at), Some(by)) = (words.choose(rng), by)
            && let Some(piece) = pieces.get_mut(*at)
        {
            *piece = by;
        }
    }
}

/// Few changes mostly.
pub fn times(rng: &mut StdRng) -> u32 {
    let mut times = 1;
    while times < 12 && rng.random_ratio(1, 2) {
        times += 1;
    }
    times
}

/// A range of so many pieces, short mostly.
fn range(len: usize, rng: &mut StdRng) -> std::ops::Range<usize> {
    if len == 0 {
        return 0..0;
    }
    let start = rng.random_range(0..len);
    let most = 1 << rng.random_range(0..6);
    start..len.min(start + rng.random_range(1..=most))
}

/// Changes a few bytes, whatever they mean.
pub fn change_bytes(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    for _ in 0..times(rng) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..4) {
            0 => bytes.insert(at, rng.random()),
            1 => bytes.truncate(at.max(1)),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = if rng.random() {
                        rng.random()
                    } else {
                        *byte ^ (1 << rng.random_range(0..8))
                    };
                }
            }
        }
    }
}

#[derive(PartialEq, Clone, Copy)]
enum Kind {
    Word,
    Blank,
    Other,
}

fn kind_of(byte: u8) -> Kind {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' | 0x80.. => Kind::Word,
        b' ' | b'\t' | b'\n' | b'\r' => Kind::Blank,
        _ => Kind::Other,
    }
}

fn is_word(piece: &[u8]) -> bool {
    piece.first().is_some_and(|byte| kind_of(*byte) == Kind::Word)
}

fn pieces_of(text: &[u8]) -> Vec<&[u8]> {
    text.chunk_by(|a, b| kind_of(*a) != Kind::Other && kind_of(*a) == kind_of(*b)).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn pieces_are_words_blanks_and_single_characters() {
        let pieces = pieces_of(b"[a.b]\n\n \"x\" = 12");
        let pieces: Vec<_> =
            pieces.into_iter().map(|piece| str::from_utf8(piece).unwrap()).collect();
        assert_eq!(pieces, ["[", "a.b", "]", "\n\n ", "\"", "x", "\"", " ", "=", " ", "12"]);
    }

    #[test]
    fn the_same_seed_makes_the_same_inputs_and_another_makes_others() {
        let pool = [b"{\"a\": [1, 2, 3]}".to_vec(), b"HTTP/1.1 200 OK\n\n".to_vec()];
        for target in Target::ALL {
            let made = |seed| {
                let mut rng = StdRng::seed_from_u64(seed);
                let made = (0..200).map(|_| Mutator::of(target).make(&pool, &mut rng));
                made.collect::<Vec<_>>()
            };
            assert_eq!(made(1), made(1));
            assert_ne!(made(1), made(2));
            assert!(made(1).iter().all(|input| input.len() <= LARGEST));
        }
    }
}
