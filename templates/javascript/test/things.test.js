/** What the plugin makes of answers, tried without WebAssembly: npm test */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { datasource } from '../src/app.js';
import { microseconds, nextPage, rowsOf } from '../src/things.js';

const LIST = 'https://api.example.com/lists/7/things';
const REQUEST = { context: { baseUrl: 'https://api.example.com', settings: '{"list": 7}' } };

/** Answers requests from the recording, as the host's replay does. */
async function replay() {
  const har = JSON.parse(await readFile(new URL('../fixtures/demo/things.har', import.meta.url)));
  globalThis.fetch = async (url) => {
    const entry = har.log.entries.find(({ request }) => request.url === url);
    assert.ok(entry, `${url} is not in the recording`);
    const headers = entry.response.headers.map(({ name, value }) => [name, value]);
    return new Response(entry.response.content.text, { status: entry.response.status, headers });
  };
}

async function read(maxRows, checkpoint, request = REQUEST) {
  const reader = datasource.open(request, { id: 'list-7', data: '' }, checkpoint);
  const batches = [];
  for (let batch; (batch = await reader.nextBatch(maxRows)); ) batches.push(batch);
  return batches;
}

const ids = (batches) => batches.flatMap(({ rows }) => rows.map(([id]) => Number(id.val)));

test('every page is read, however small the batches have to be', async () => {
  await replay();
  assert.deepEqual(ids(await read(1000)), [11, 12, 14, 10, 15, 17, 16]);
  assert.deepEqual(ids(await read(1)), [11, 12, 14, 10, 15, 17, 16]);
});

test('a run that was stopped goes on where it was', async () => {
  await replay();
  const [first] = await read(1000);
  assert.deepEqual(ids(await read(1000, first.checkpoint)), [10, 15, 17, 16]);
});

test('a window is read, whatever was read before', async () => {
  await replay();
  const [first] = await read(1000);
  for (const window of [{ since: 0n }, { until: 1n }]) {
    const batches = await read(1000, first.checkpoint, { ...REQUEST, ...window });
    assert.deepEqual(ids(batches), [11, 12, 14, 10, 15, 17, 16]);
  }
});

test('an answer that is not the list is a failure of its kind, never an empty list', async () => {
  for (const [status, body, kind] of [
    [401, '{}', 'auth'],
    [404, '{}', 'not-found'],
    [429, '{}', 'rate-limited'],
    [503, '[]', 'transient'],
    [200, '<html></html>', 'unexpected-response'],
    [200, '[{"id": 1', 'unexpected-response'],
    [200, '{"message": "maintenance"}', 'unexpected-response'],
    [200, '[{"id": 1}]', 'unexpected-response'],
  ]) {
    globalThis.fetch = async () => new Response(body, { status });
    await assert.rejects(read(1000), { kind }, `${status} ${body}`);
  }
});

test('a moment keeps its microseconds', () => {
  assert.equal(microseconds('1970-01-01T01:00:00.250001+01:00'), 250_001n);
  assert.equal(microseconds('1969-12-31T23:59:59.5Z'), -500_000n);
  assert.throws(() => microseconds('2026'));
});

test('the next page is the one that the service names', () => {
  const link = '</lists/7>; rel="up", <?after=11>; rel="next", <?after=99>; rel="last"';
  assert.equal(nextPage(LIST, link), `${LIST}?after=11`);
  for (const last of [null, '', '<?after=1>; rel="prev"']) {
    assert.equal(nextPage(LIST, last), undefined);
  }
  assert.deepEqual(rowsOf([]), []);
});
