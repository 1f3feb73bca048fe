import type { FieldError } from './status.ts';

/** What a finding says of a value, of a choice of values, and in all: whoever sends large ones is not told them back many times. */
const valueLimit = 1024;
const choicesLimit = 4096;
const messageLimit = 8192;

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}…`;
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  return cut(JSON.stringify(value), valueLimit);
}

/** As many of them as fit, and how many more there are. */
function shownChoices(supported: readonly string[]): string {
  const texts: string[] = [];
  let length = 0;
  for (const choice of supported) {
    if (length >= choicesLimit) return `${texts.join(', ')} and ${supported.length - texts.length} more`;
    const text = shown(choice);
    texts.push(text);
    length += text.length;
  }
  return texts.join(', ');
}

function withDetail(text: string, detail: string): string {
  return detail === '' ? text : `${text}: ${detail}`;
}

/** Collects the findings of a validator, worded as apimachinery's `field` package words them. */
export class Findings {
  readonly #found: FieldError[] = [];

  all(): FieldError[] {
    return this.#found;
  }

  #add(field: string, reason: string, message: string): void {
    this.#found.push({ field: cut(field, valueLimit), reason, message: cut(message, messageLimit) });
  }

  add(finding: FieldError): void {
    this.#found.push(finding);
  }

  required(field: string, detail = ''): void {
    this.#add(field, 'FieldValueRequired', withDetail('Required value', detail));
  }

  invalid(field: string, value: unknown, detail: string): void {
    this.#add(field, 'FieldValueInvalid', withDetail(`Invalid value: ${shown(value)}`, detail));
  }

  /** One `invalid` for each problem. */
  problems(field: string, value: unknown, problems: readonly string[]): void {
    for (const problem of problems) this.invalid(field, value, problem);
  }

  duplicate(field: string, value: unknown): void {
    this.#add(field, 'FieldValueDuplicate', `Duplicate value: ${shown(value)}`);
  }

  forbidden(field: string, detail: string): void {
    this.#add(field, 'FieldValueForbidden', withDetail('Forbidden', detail));
  }

  typeInvalid(field: string, value: unknown, detail: string): void {
    this.#add(field, 'FieldValueTypeInvalid', withDetail(`Invalid value: ${shown(value)}`, detail));
  }

  tooMany(field: string, count: number, most: number): void {
    this.#add(field, 'FieldValueTooMany', `Too many: ${count}: must have at most ${most} item${most === 1 ? '' : 's'}`);
  }

  notFound(field: string, value: unknown): void {
    this.#add(field, 'FieldValueNotFound', `Not found: ${shown(value)}`);
  }

  tooLong(field: string, limitBytes: number): void {
    this.#add(field, 'FieldValueTooLong', `Too long: may not be more than ${limitBytes} bytes`);
  }

  notSupported(field: string, value: unknown, supported: readonly string[]): void {
    const list = shownChoices(supported);
    this.#add(field, 'FieldValueNotSupported', `Unsupported value: ${shown(value)}: supported values: ${list}`);
  }

  /** `required` when the text is empty, `notSupported` when it is none of the choices. */
  oneOf(field: string, value: unknown, supported: readonly string[], presence: 'required' | 'optional'): void {
    if (value === undefined || value === null || value === '') {
      if (presence === 'required') this.required(field);
      return;
    }
    if (typeof value !== 'string' || !supported.includes(value)) this.notSupported(field, value, supported);
  }

  /** A number that must not be negative. Absent is fine. */
  nonNegative(field: string, value: unknown): void {
    if (typeof value === 'number' && value < 0) this.invalid(field, value, 'must be greater than or equal to 0');
  }

  /** A field that an update may not change. */
  immutable(field: string, value: unknown, old: unknown): void {
    if (!sameJson(value, old)) this.invalid(field, value, 'field is immutable');
  }
}

/** Whether two JSON values are equal; absent, null and empty containers count as the same, as they do in Kubernetes' types. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isEmpty(a) && isEmpty(b)) return true;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => sameJson(item, b[index]));
  }
  if (typeof a !== 'object' || typeof b !== 'object') return false;
  const left: object = a ?? {};
  const right: object = b ?? {};
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  for (const key of keys) {
    if (!sameJson(ownValue(left, key), ownValue(right, key))) return false;
  }
  return true;
}

function ownValue(object: object, key: string): unknown {
  return Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : undefined;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value !== 'object') return false;
  return Object.keys(value).length === 0;
}
