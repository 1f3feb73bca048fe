/**
 * Decoding by schema, as a typed decoder would do it: wrong JSON types are errors, null means absent, fields that the
 * schema does not have are found and dropped. Changes the value in place.
 */
import { isJsonObject, setOwn, type JsonObject } from '../json/plain-json.ts';
import type { SchemaNode } from './schema-node.ts';

export interface Findings {
  /** Paths of fields that the schema does not have. */
  readonly unknown: string[];
  /** Texts that name the field and what is wrong with it. */
  readonly wrong: string[];
}

interface Check extends Findings {
  readonly nulls: 'drop' | 'keep';
  readonly nameOf: (value: unknown) => string;
}

export interface CheckOptions {
  /** Whether an applier means something by nulls. Default: they are dropped. */
  readonly nulls?: Check['nulls'];
  /** Findings tell of what type a value is, and no more. */
  readonly areValuesSecret?: boolean;
}

const findingsLimit = 50;
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;
const dateTime =
  /^(\d{4}-\d{2}-\d{2})[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
const names: Record<string, string> = {
  object: 'an object',
  map: 'an object',
  array: 'an array',
  string: 'a string',
  integer: 'an integer',
  number: 'a number',
  boolean: 'a boolean',
  intOrString: 'an integer or a string',
  quantity: 'a quantity (a string or a number)',
};

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `the ${typeof value} ${JSON.stringify(value).slice(0, 60)}`;
}

const typeOf = (value: unknown): string => nameOf(value).replace(/^the (\w+) [^]*$/, 'a $1');

/** Objects that are checked again and again have few times in them. */
const knownTimes = new Set<string>();
const knownTimesLimit = 256;

/** RFC 3339, of a day that is in the calendar. */
function isTime(text: string): boolean {
  if (knownTimes.has(text)) return true;
  if (!isTimeOfCalendar(text)) return false;
  if (knownTimes.size >= knownTimesLimit) knownTimes.clear();
  knownTimes.add(text);
  return true;
}

function isTimeOfCalendar(text: string): boolean {
  const [, day] = dateTime.exec(text) ?? [];
  if (day === undefined) return false;
  const ms = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(day);
}

function integerProblem(value: number, format: string | undefined): string | undefined {
  if (!Number.isInteger(value)) return 'it is not whole';
  if (format === 'int32' && (value > 2_147_483_647 || value < -2_147_483_648)) return 'it does not fit into 32 bits';
  return Number.isSafeInteger(value) ? undefined : 'it is too large';
}

type NameOf = Check['nameOf'];

function mismatch(value: unknown, { type }: SchemaNode, told: NameOf): string {
  return `expected ${names[type] ?? type}, found ${told(value)}`;
}

function scalarProblem(value: unknown, node: SchemaNode, told: NameOf): string | undefined {
  switch (node.type) {
    case 'string':
      if (typeof value !== 'string') return mismatch(value, node, told);
      if (node.format === 'byte' && (!base64.test(value) || value.length % 4 !== 0)) return 'it is not valid base64';
      if (node.format === 'date-time' && !isTime(value)) return `expected an RFC 3339 time, found ${told(value)}`;
      return undefined;
    case 'integer': {
      if (typeof value !== 'number') return mismatch(value, node, told);
      const problem = integerProblem(value, node.format);
      return problem === undefined ? undefined : `${mismatch(value, node, told)}: ${problem}`;
    }
    case 'number':
      return typeof value === 'number' ? undefined : mismatch(value, node, told);
    case 'boolean':
      return typeof value === 'boolean' ? undefined : mismatch(value, node, told);
    case 'intOrString':
      return typeof value === 'string' || (typeof value === 'number' && Number.isInteger(value))
        ? undefined
        : mismatch(value, node, told);
    case 'quantity':
      return typeof value === 'string' || typeof value === 'number' ? undefined : mismatch(value, node, told);
    default:
      return undefined;
  }
}

function checkMembers(object: JsonObject, node: SchemaNode, path: string, findings: Check): void {
  for (const key of Object.keys(object)) {
    const at = path === '' ? key : `${path}.${key}`;
    const member = node.member(key);
    if (member === undefined) {
      if (node.open) continue;
      delete object[key];
      if (findings.unknown.length < findingsLimit) findings.unknown.push(at);
    } else if (object[key] === null && member.type !== 'any') {
      if (findings.nulls === 'keep') continue;
      if (node.type === 'map' && member.type === 'string') setOwn(object, key, '');
      else delete object[key];
    } else {
      checkValue(object, key, member, at, findings);
    }
  }
}

function checkValue(
  holder: JsonObject | unknown[],
  key: string | number,
  node: SchemaNode,
  path: string,
  findings: Check,
): void {
  const value = (holder as JsonObject)[key];
  if (findings.wrong.length >= findingsLimit) return;
  switch (node.type) {
    case 'any':
      return;
    case 'object':
    case 'map':
      if (isJsonObject(value)) checkMembers(value, node, path, findings);
      else findings.wrong.push(`${path}: expected an object, found ${findings.nameOf(value)}`);
      return;
    case 'array':
      if (Array.isArray(value)) {
        const element = node.element();
        for (let index = 0; index < value.length; index += 1) {
          checkValue(value, index, element, `${path}[${index}]`, findings);
        }
      } else findings.wrong.push(`${path}: expected an array, found ${findings.nameOf(value)}`);
      return;
    default: {
      const problem = scalarProblem(value, node, findings.nameOf);
      if (problem !== undefined) findings.wrong.push(`${path}: ${problem}`);
      else if (node.type === 'quantity' && typeof value === 'number')
        setOwn(holder as JsonObject, String(key), String(value));
    }
  }
}

/** Checks and prunes a whole object in place. */
export function checkBySchema(
  object: JsonObject,
  node: SchemaNode,
  { nulls = 'drop', areValuesSecret = false }: CheckOptions = {},
): Findings {
  const findings: Check = { unknown: [], wrong: [], nulls, nameOf: areValuesSecret ? typeOf : nameOf };
  if (node.type === 'object') checkMembers(object, node, '', findings);
  const { unknown, wrong } = findings;
  return { unknown, wrong };
}
