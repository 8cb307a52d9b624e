/**
 * Requests through the host.
 *
 * The host holds the credential and adds it, tries again what passes by itself, and keeps to
 * the service's rate. What still fails becomes one of the contract's failures here: an answer
 * that is not what was asked for must never look like an empty list.
 */

/**
 * A failure to throw, as the contract has it.
 *
 * @param {string} kind one of failure-kind in wit/: 'auth', 'transient', 'unexpected-response', …
 * @param {string} message what was asked of what, what came back, and what to do
 * @param {number} [retryAfter] seconds
 */
export function failure(kind, message, retryAfter) {
  return { kind, message, retryAfter };
}

/**
 * Asks for JSON and waits for it. Throws a failure for anything else.
 *
 * @param {string} url
 * @returns {Promise<{ body: unknown, headers: Headers }>}
 */
export async function get(url) {
  let answer, text;
  try {
    const headers = { accept: 'application/json', 'user-agent': 'jira' };
    answer = await fetch(url, { headers });
    text = await answer.text();
  } catch (error) {
    throw failure('transient', `GET ${url}: no answer, or not all of it: ${error.message}`);
  }
  if (answer.status !== 200) {
    throw refused(url, answer);
  }
  try {
    return { body: JSON.parse(text), headers: answer.headers };
  } catch (error) {
    throw failure('unexpected-response', `GET ${url}: the answer is not JSON: ${error.message}`);
  }
}

/** What a status other than 200 means. */
function refused(url, answer) {
  const { status } = answer;
  const wait = answer.headers.get('retry-after') ?? '';
  const retryAfter = /^\d{1,9}$/.test(wait) ? Number(wait) : undefined;
  return failure(kindOf(status), `GET ${url}: answered ${status}`, retryAfter);
}

function kindOf(status) {
  if (status === 401 || status === 403) return 'auth';
  if (status === 404 || status === 410) return 'not-found';
  if (status === 429) return 'rate-limited';
  if (status === 408 || status === 425 || status >= 500) return 'transient';
  return 'unexpected-response';
}
