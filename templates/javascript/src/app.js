/**
 * Things of an example service, as rows.
 *
 * The service lists the things of a list in pages, those changed last at the end, and names the
 * next page in a `Link` header:
 *
 *     GET /lists/7/things?sort=changed_at&per_page=3
 *
 * A thing that changes moves to the end. So the checkpoint is the address of the first page
 * that was not read yet, or of the last page there is: from there the next run goes on.
 *
 * The host calls `describe`, `check`, `plan` and `open`, and then the reader; wit/ says what
 * each of them may do. A thrown failure is an answer; any other error is a fault of the plugin,
 * which the host can only show as a crash. A function may be async.
 */

import { failure, get } from './http.js';
import { nextPage, rowsOf } from './things.js';

/** How many things a page has. Take as many as your service gives, often 100. */
const PER_PAGE = 3;

const column = (name, tag, description, nullable = false) => ({
  name,
  kind: { tag },
  nullable,
  maxLength: undefined,
  description,
});

const THINGS = {
  name: 'templateplugin_things',
  description: 'A thing, as it is now.',
  mode: 'merge',
  columns: [
    column('id', 'int64', "The thing's number, which it keeps."),
    column('title', 'text', 'Its title; may be empty.'),
    column('state', 'text', '`open`, `done` or `dropped`.'),
    column('score', 'float64', 'From 0 to 10; null while nobody has judged it.', true),
    column('created_at', 'timestamp', 'When it was made.'),
    column('changed_at', 'timestamp', 'When anything about it changed last.'),
  ],
  key: ['id'],
};

/** Reads page by page, with a checkpoint after each that is not the last. */
class Reader {
  /** @param {string} url the first page */
  constructor(url) {
    this.nextUrl = url;
    this.rows = [];
  }

  /** @param {number} maxRows */
  async nextBatch(maxRows) {
    while (this.rows.length === 0) {
      if (this.nextUrl === undefined) return undefined;
      ({ rows: this.rows, nextUrl: this.nextUrl } = await readPage(this.nextUrl));
    }
    const rows = this.rows.splice(0, maxRows);
    // A checkpoint covers all rows before it: the page's last rows carry it.
    const checkpoint = this.rows.length === 0 ? this.nextUrl : undefined;
    return { table: THINGS.name, rows, checkpoint };
  }
}

/** A page's rows, and the address of the next page. */
async function readPage(url) {
  const { body, headers } = await get(url);
  try {
    const nextUrl = nextPage(url, headers.get('link'));
    if (nextUrl === url) throw new Error('the page names itself as the next one');
    return { rows: rowsOf(body), nextUrl };
  } catch (error) {
    throw failure('unexpected-response', `GET ${url}: ${error.message}`);
  }
}

function firstPage(context) {
  const path = `/lists/${listNumber(context)}/things?sort=changed_at&per_page=${PER_PAGE}`;
  return context.baseUrl + path;
}

function listNumber(context) {
  const { list } = JSON.parse(context.settings);
  if (Number.isSafeInteger(list)) return list;
  const given = JSON.stringify(list);
  throw failure('config', `the setting list is ${given}: a number such as 7 is wanted`);
}

export const datasource = {
  Reader,

  describe() {
    return {
      name: 'templateplugin',
      version: '0.1.0',
      summary: 'Things of a service',
      defaultBaseUrl: 'https://api.example.com',
      hosts: [],
      credentials: ['bearer'],
      requestsPerMinute: undefined,
      settings: [
        { name: 'list', description: 'The number of the list, such as 7', required: true },
      ],
      tables: [THINGS],
      reports: [
        {
          name: 'things',
          description: 'All things of a list, as they are now',
          tables: [THINGS.name],
          exhaustive: false,
        },
      ],
    };
  },

  async check(context) {
    await readPage(firstPage(context));
    return `the list ${listNumber(context)} can be read`;
  },

  plan(request) {
    return [{ id: `list-${listNumber(request.context)}`, data: '' }];
  },

  open(request, _partition, checkpoint) {
    // Who asks for days wants them read, whatever was read before: then all things are.
    const hasWindow = request.since !== undefined || request.until !== undefined;
    const known = !hasWindow && checkpoint?.startsWith(request.context.baseUrl);
    return new Reader(known ? checkpoint : firstPage(request.context));
  },
};
