/**
 * What one page of a list is: its rows, and where the next page is.
 *
 * Nothing here knows of WebAssembly; `npm test` tries it with plain Node.
 */

/**
 * The rows of a page, each with its values in the order of the table's columns. Throws an
 * Error for a page that is not as documented.
 *
 * @param {unknown} page
 */
export function rowsOf(page) {
  if (!Array.isArray(page)) throw new Error('a list of things was expected');
  return page.map(rowOf);
}

/** One thing. A field that is missing or of another kind is never made up. */
function rowOf(thing) {
  const field = (name, type) => {
    const value = thing?.[name];
    if (typeof value !== type) {
      throw new Error(`${name} of the thing ${thing?.id} is ${JSON.stringify(value)}`);
    }
    return value;
  };
  const id = field('id', 'number');
  if (!Number.isSafeInteger(id)) throw new Error(`${id} is not the number of a thing`);
  return [
    { tag: 'int64', val: BigInt(id) },
    { tag: 'text', val: field('title', 'string') },
    { tag: 'text', val: field('state', 'string') },
    thing.score === null ? { tag: 'null' } : { tag: 'float64', val: field('score', 'number') },
    { tag: 'timestamp', val: microseconds(field('created_at', 'string')) },
    { tag: 'timestamp', val: microseconds(field('changed_at', 'string')) },
  ];
}

/**
 * A moment such as 2026-01-04T08:15:00Z in microseconds since 1970. A Date has milliseconds,
 * and takes a text that is anything but a moment for one: hence the pattern.
 *
 * @param {string} text
 */
export function microseconds(text) {
  const parts = /^([\d-]+T[\d:]+)(?:\.(\d{1,6})\d*)?(Z|[+-]\d{2}:\d{2})$/.exec(text);
  const seconds = parts ? Date.parse(parts[1] + parts[3]) / 1000 : NaN;
  if (Number.isNaN(seconds)) throw new Error(`${JSON.stringify(text)} is not a moment`);
  return BigInt(seconds) * 1_000_000n + BigInt((parts[2] ?? '').padEnd(6, '0'));
}

/**
 * The address of the page after `url`, from its Link header; none after the last page.
 *
 * @param {string} url
 * @param {string | null} link
 */
export function nextPage(url, link) {
  for (const [, target, parameters] of (link ?? '').matchAll(/<([^>]*)>([^,<]*)/g)) {
    if (/;\s*rel="?next"?\s*(;|$)/.test(parameters)) return new URL(target, url).href;
  }
  return undefined;
}
