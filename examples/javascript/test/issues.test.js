/** What the plugin makes of answers, tried without WebAssembly: npm test */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { datasource } from '../src/app.js';
import { days, decimal, microseconds, pageOf } from '../src/issues.js';

const REQUEST = { context: { baseUrl: 'https://jira.example.com', settings: '{"keys": ["APP"]}' } };

const issue = (id) => ({
  id: String(id),
  key: `APP-${id}`,
  fields: {
    summary: 'A title',
    issuetype: { name: 'Bug' },
    status: { name: 'Done' },
    priority: null,
    labels: [],
    duedate: null,
    created: '1970-01-01T00:00:00.000+0000',
    updated: '1970-01-01T01:00:00.001+0100',
    customfield_10016: null,
  },
});

/** Answers each request with the page that begins where it asks for. */
function serve(pages) {
  globalThis.fetch = async (url) => {
    const startAt = Number(new URL(url).searchParams.get('startAt'));
    return new Response(JSON.stringify({ startAt, ...pages[startAt] }));
  };
}

async function read(maxRows) {
  const [partition] = datasource.plan(REQUEST);
  const reader = datasource.open(REQUEST, partition);
  const ids = [];
  for (let batch; (batch = await reader.nextBatch(maxRows)); ) {
    assert.ok(batch.rows.length <= maxRows);
    ids.push(...batch.rows.map(([id]) => Number(id.val)));
  }
  return ids;
}

test('all pages are read, whatever their size', async () => {
  serve({ 0: { total: 3, issues: [issue(1), issue(2)] }, 2: { total: 3, issues: [issue(5)] } });
  assert.deepEqual(await read(1), [1, 2, 5]);
  assert.deepEqual(await read(100), [1, 2, 5]);
  serve({ 0: { total: 0, issues: [] } });
  assert.deepEqual(await read(100), []);
});

test('a project that changes between two pages is read again later, not in part', async () => {
  serve({ 0: { total: 3, issues: [issue(1), issue(2)] }, 2: { total: 2, issues: [] } });
  await assert.rejects(read(100), { kind: 'transient' });
});

test('a page that ends too early is a failure, never the end', async () => {
  for (const page of [{ total: 3, issues: [] }, { total: 3 }, { issues: [] }, { message: 'no' }]) {
    serve({ 0: page });
    await assert.rejects(read(100), { kind: 'unexpected-response' }, JSON.stringify(page));
  }
});

test('settings that make no sense are told', () => {
  for (const settings of ['{}', '{"keys": []}', '{"keys": ["a\\" OR 1=1"]}']) {
    const request = { context: { ...REQUEST.context, settings } };
    assert.throws(() => datasource.plan(request), { kind: 'config' });
  }
});

test('values keep what they are', () => {
  assert.equal(decimal(13.25), '13.25');
  assert.throws(() => decimal(0.125));
  assert.equal(days('1970-02-01'), 31);
  assert.throws(() => days('soon'));
  assert.equal(microseconds('1970-01-01T01:00:00.001+0100'), 1000n);
  assert.throws(() => microseconds('1970-01-01'));
  assert.equal(pageOf({ startAt: 0, total: 1, issues: [issue(7)] }).rows[0].length, 11);
});
