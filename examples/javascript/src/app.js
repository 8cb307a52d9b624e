/**
 * Jira's issues, project by project.
 *
 *     GET /rest/api/2/search?jql=project="APP" ORDER BY id&startAt=0&maxResults=3&fields=…
 *
 * The table is a snapshot: a partition delivers all issues of its Jira project, and what Jira
 * does not list any more disappears. So there is no checkpoint; a run reads everything.
 */

import { failure, get } from './http.js';
import { FIELDS, ISSUES, pageOf } from './issues.js';

/** How many issues a page has. Jira gives up to 100; the recording is easier to read with 3. */
const PAGE = 3;

/** Reads a Jira project page by page. */
class Reader {
  /**
   * @param {string} baseUrl
   * @param {string} key the Jira project's
   */
  constructor(baseUrl, key) {
    const jql = encodeURIComponent(`project="${key}" ORDER BY id`);
    const query = `jql=${jql}&maxResults=${PAGE}&fields=${FIELDS.join(',')}`;
    this.url = `${baseUrl}/rest/api/2/search?${query}`;
    this.read = 0;
    this.total = undefined;
    this.rows = [];
  }

  /** @param {number} maxRows */
  async nextBatch(maxRows) {
    if (this.rows.length === 0) {
      if (this.read === this.total) return undefined;
      await this.readPage();
    }
    return { table: ISSUES.name, rows: this.rows.splice(0, maxRows), checkpoint: undefined };
  }

  async readPage() {
    const url = `${this.url}&startAt=${this.read}`;
    const page = await getPage(url);
    if (this.total !== undefined && page.total !== this.total) {
      // An issue that came or went moves all after it: one could be skipped between two pages.
      const change = `from ${this.total} to ${page.total} issues`;
      throw failure('transient', `GET ${url}: the project changed while it was read, ${change}`);
    }
    const isOff = page.startAt !== this.read || (page.rows.length === 0 && page.total > this.read);
    if (isOff || this.read + page.rows.length > page.total) {
      const got = `${page.rows.length} issues from ${page.startAt} on, of ${page.total}`;
      throw failure('unexpected-response', `GET ${url}: the page has ${got}`);
    }
    this.total = page.total;
    this.read += page.rows.length;
    this.rows = page.rows;
  }
}

async function getPage(url) {
  const { body } = await get(url);
  try {
    return pageOf(body);
  } catch (error) {
    throw failure('unexpected-response', `GET ${url}: ${error.message}`);
  }
}

/** The Jira projects of a project, from its settings. */
function keysOf(context) {
  const { keys } = JSON.parse(context.settings);
  const isKey = (key) => typeof key === 'string' && /^[A-Z][A-Z0-9_]*$/.test(key);
  if (Array.isArray(keys) && keys.length > 0 && keys.every(isKey)) return keys;
  const given = JSON.stringify(keys);
  throw failure('config', `the setting keys is ${given}: a list such as ["APP"] is wanted`);
}

export const datasource = {
  Reader,

  describe() {
    return {
      name: 'jira',
      version: '0.1.0',
      summary: 'Issues of Jira',
      defaultBaseUrl: 'https://jira.example.com',
      hosts: [],
      credentials: ['basic', 'bearer'],
      requestsPerMinute: 120,
      settings: [
        {
          name: 'keys',
          description: 'The Jira projects to read, such as ["APP", "OPS"]',
          required: true,
        },
      ],
      tables: [ISSUES],
      reports: [
        {
          name: 'jira-issues',
          description: 'All issues of the configured Jira projects, as they are now',
          tables: [ISSUES.name],
          exhaustive: true,
        },
      ],
    };
  },

  async check(context) {
    const keys = keysOf(context);
    for (const key of keys) await get(`${context.baseUrl}/rest/api/2/project/${key}`);
    return `${keys.join(', ')} can be read`;
  },

  plan(request) {
    return keysOf(request.context).map((key) => ({ id: `project:${key}`, data: key }));
  },

  open(request, partition) {
    return new Reader(request.context.baseUrl, partition.data);
  },
};
