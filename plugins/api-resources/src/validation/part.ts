import type { LabelSelector } from '@timonel/sdk/kube';
import { canonicalQuantity } from '../quantity/canonical.ts';
import { Findings } from './findings.ts';
import { checkSelector } from './labels.ts';
import { fieldOf, isObject, itemsOf, textOf } from './loose.ts';

type Presence = 'required' | 'optional';
type Check = (text: string) => string[];

/**
 * A part of an object under validation: what it is, where it is, and where findings about it go. What is absent or of the wrong
 * type reads as empty, so that validators need not look before they step down; the schema check reports wrong types.
 */
export class Part {
  readonly raw: unknown;
  readonly path: string;
  readonly found: Findings;
  /** Whether its members are entries of a map, which paths put into brackets. */
  readonly #isMap: boolean;

  constructor(raw: unknown, path = '', found: Findings = new Findings(), isMap = false) {
    this.raw = raw;
    this.path = path;
    this.found = found;
    this.#isMap = isMap;
  }

  /** Whether it is there, as an object. */
  get present(): boolean {
    return isObject(this.raw);
  }

  /** Path of a field of it. */
  pathOf(name: string): string {
    if (this.#isMap) return `${this.path}[${name}]`;
    return this.path === '' ? name : `${this.path}.${name}`;
  }

  get(name: string): unknown {
    return fieldOf(this.raw, name);
  }

  /** Whether a field is there: not null, not an empty text. */
  has(name: string): boolean {
    const value = this.get(name);
    return value !== undefined && value !== null && value !== '';
  }

  text(name: string): string {
    return textOf(this.get(name));
  }

  number(name: string): number | undefined {
    const value = this.get(name);
    return typeof value === 'number' ? value : undefined;
  }

  at(name: string): Part {
    return new Part(this.get(name), this.pathOf(name), this.found);
  }

  /** A map below. */
  map(name: string): Part {
    return new Part(this.get(name), this.pathOf(name), this.found, true);
  }

  /** A part below, by names with dots between. */
  below(names: string): Part {
    return names.split('.').reduce<Part>((part, name) => part.at(name), this);
  }

  /** The items of a list. */
  list(name: string): Part[] {
    const items = itemsOf(this.get(name) as unknown[]);
    return items.map((item, index) => new Part(item, `${this.pathOf(name)}[${index}]`, this.found));
  }

  /** Names of the fields that are objects: which member of a union is chosen. */
  members(): string[] {
    return isObject(this.raw) ? Object.keys(this.raw).filter((name) => isObject(this.get(name))) : [];
  }

  entries(): [string, unknown][] {
    return isObject(this.raw) ? Object.entries(this.raw) : [];
  }

  /** A finding about the part itself. */
  wrong(detail: string): void {
    this.found.invalid(this.path, this.raw, detail);
  }

  invalid(name: string, detail: string): void {
    this.found.invalid(this.pathOf(name), this.get(name) ?? '', detail);
  }

  missing(name: string, detail = ''): void {
    this.found.required(this.pathOf(name), detail);
  }

  forbid(name: string, detail: string): void {
    if (this.get(name) !== undefined && this.get(name) !== null) this.found.forbidden(this.pathOf(name), detail);
  }

  /** One `required` for each field that is not there. */
  require(...names: string[]): void {
    for (const name of names) if (!this.has(name)) this.missing(name);
  }

  /** A list that must have an item. */
  requireItems(name: string, detail = ''): void {
    if (itemsOf(this.get(name) as unknown[]).length === 0) this.missing(name, detail);
  }

  oneOf(name: string, choices: readonly string[], presence: Presence = 'required'): void {
    this.found.oneOf(this.pathOf(name), this.get(name), choices, presence);
  }

  /** Every item of a list of texts is one of the choices. */
  eachOneOf(name: string, choices: readonly string[]): void {
    for (const item of this.list(name)) this.found.oneOf(item.path, item.raw, choices, 'required');
  }

  nonNegative(...names: string[]): void {
    for (const name of names) this.found.nonNegative(this.pathOf(name), this.get(name));
  }

  /** A number between two bounds, both included. Absent is fine. */
  within(name: string, least: number, most: number): void {
    const value = this.number(name);
    if (value !== undefined && (value < least || value > most))
      this.invalid(name, `must be between ${least} and ${most}, inclusive`);
  }

  /** A text that must pass a check of names. */
  named(name: string, check: Check, presence: Presence = 'optional'): void {
    if (this.has(name)) this.found.problems(this.pathOf(name), this.get(name), check(this.text(name)));
    else if (presence === 'required') this.missing(name);
  }

  /** Texts of a list, or one field of its objects, must not repeat. */
  distinct(name: string, field?: string): void {
    const seen = new Set<string>();
    for (const item of this.list(name)) {
      const text = field === undefined ? textOf(item.raw) : item.text(field);
      if (text !== '' && seen.has(text))
        this.found.duplicate(field === undefined ? item.path : item.pathOf(field), text);
      seen.add(text);
    }
  }

  selector(name: string, presence: Presence = 'optional'): void {
    if (isObject(this.get(name))) checkSelector(this.get(name) as LabelSelector, this.pathOf(name), this.found);
    else if (presence === 'required') this.missing(name);
  }

  /** A quantity that must not be negative, or must be more than zero. */
  quantity(name: string, least: 'zero' | 'positive' = 'zero'): void {
    const value = this.get(name);
    if (typeof value !== 'string' && typeof value !== 'number') return;
    const canonical = canonicalQuantity(value);
    if (canonical === undefined)
      this.invalid(name, "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
    else if (canonical.startsWith('-')) this.invalid(name, 'must be greater than or equal to 0');
    else if (least === 'positive' && canonical === '0') this.invalid(name, 'must be greater than zero');
  }

  /** A finding for each field that is not what it was in `old`. */
  unchanged(old: Part, ...names: string[]): void {
    for (const name of names) this.found.immutable(this.pathOf(name), this.get(name), old.get(name));
  }
}
