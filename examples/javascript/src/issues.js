/**
 * What Jira answers, as rows: no WebAssembly here, `npm test` tries it with plain Node.
 */

/** Jira's number for the story points, which is another on every site. */
const STORY_POINTS = 'customfield_10016';

/** The fields that are asked for: the others of an issue may be many, and long. */
export const FIELDS = [
  'summary', 'status', 'issuetype', 'priority', 'labels', 'duedate', 'created', 'updated',
  STORY_POINTS,
];

const column = (name, kind, description, { nullable = false, maxLength } = {}) => ({
  name,
  kind: typeof kind === 'string' ? { tag: kind } : kind,
  nullable,
  maxLength,
  description,
});

export const ISSUES = {
  name: 'jira_issues',
  description: 'An issue of a Jira project, as it is now. One that is deleted disappears.',
  mode: 'snapshot',
  columns: [
    column('id', 'int64', "Jira's number of the issue, which it keeps when it moves."),
    column('key', 'text', 'What people call it: APP-12.', { maxLength: 100 }),
    column('summary', 'text', 'Its title.'),
    column('type', 'text', '`Bug`, `Story` and what else the site has.'),
    column('status', 'text', 'Where it is in its workflow.'),
    column('priority', 'text', 'Its priority; null where nobody gave one.', { nullable: true }),
    column(
      'story_points',
      { tag: 'decimal', val: { precision: 6, scale: 2 } },
      'How much work it is thought to be; null while that is open.',
      { nullable: true },
    ),
    column('labels', 'json', 'A list of its labels.'),
    column('due_on', 'date', 'The day by which it is wanted, if any.', { nullable: true }),
    column('created_at', 'timestamp', 'When it was made.'),
    column('updated_at', 'timestamp', 'When anything about it changed last.'),
  ],
  key: ['id'],
};

/**
 * A page of a search: its rows, where it begins, and how many there are in all. Throws an Error
 * for an answer that is not as documented.
 *
 * @param {unknown} body
 */
export function pageOf(body) {
  const page = fieldsOf(body, 'the page');
  const issues = page('issues', Array.isArray);
  const rows = issues.map(rowOf);
  return { rows, startAt: page('startAt', isCount), total: page('total', isCount) };
}

/** The values of a row, in the order of the table's columns. */
function rowOf(issue) {
  const own = fieldsOf(issue, 'an issue');
  const key = own('key', isText);
  const field = fieldsOf(own('fields', isObject), key);
  const named = (name) => fieldsOf(field(name, isObject), `${name} of ${key}`)('name', isText);
  return [
    { tag: 'int64', val: BigInt(own('id', isDigits)) },
    text(key),
    text(field('summary', isText)),
    text(named('issuetype')),
    text(named('status')),
    field('priority', isObjectOrNull) === null ? NULL : text(named('priority')),
    orNull(field(STORY_POINTS, isNumberOrNull), (val) => ({ tag: 'decimal', val: decimal(val) })),
    { tag: 'json', val: JSON.stringify(field('labels', Array.isArray)) },
    orNull(field('duedate', isTextOrNull), (day) => ({ tag: 'date', val: days(day) })),
    { tag: 'timestamp', val: microseconds(field('created', isText)) },
    { tag: 'timestamp', val: microseconds(field('updated', isText)) },
  ];
}

const NULL = { tag: 'null' };
const text = (val) => ({ tag: 'text', val });
const orNull = (value, make) => (value === null ? NULL : make(value));

const isText = (value) => typeof value === 'string';
const isTextOrNull = (value) => value === null || isText(value);
const isDigits = (value) => isText(value) && /^\d{1,18}$/.test(value);
const isNumberOrNull = (value) => value === null || typeof value === 'number';
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
const isObject = (value) => typeof value === 'object' && value !== null;
const isObjectOrNull = (value) => typeof value === 'object';

/** Gives the fields of an object. One that is missing or of another kind is never made up. */
function fieldsOf(object, what) {
  return (name, isGood) => {
    const value = object?.[name];
    if (!isGood(value)) throw new Error(`${name} of ${what} is ${JSON.stringify(value)}`);
    return value;
  };
}

/** Two digits after the point, exactly: JSON's numbers are binary, story points are not. */
export function decimal(number) {
  const digits = number.toFixed(2);
  if (Number(digits) !== number) throw new Error(`${number} has more than two decimals`);
  return digits;
}

/** A day such as 2026-03-01 in days since 1970. */
export function days(day) {
  const milliseconds = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : NaN;
  if (Number.isNaN(milliseconds)) throw new Error(`${JSON.stringify(day)} is not a day`);
  return milliseconds / 86_400_000;
}

/** A moment such as 2026-01-05T10:00:00.000+0000, Jira's way, in microseconds since 1970. */
export function microseconds(moment) {
  const parts = /^(.*T.*)([+-]\d{2})(\d{2})$/.exec(moment);
  const milliseconds = parts ? Date.parse(`${parts[1]}${parts[2]}:${parts[3]}`) : NaN;
  if (Number.isNaN(milliseconds)) throw new Error(`${JSON.stringify(moment)} is not a moment`);
  return BigInt(milliseconds) * 1000n;
}
