/** JSON paths of definitions: those of columns, and the simple ones (`.spec.replicas`) of scale and selectable fields. */

export type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' }
  | {
      readonly kind: 'filter';
      readonly path: readonly string[];
      readonly equals: string | number | boolean | undefined;
    };

const longest = 1000;
const mostSteps = 64;

const patterns = {
  field: /^\.((?:[^.[\]\\'"()*]|\\.)+)/,
  star: /^(?:\.\*|\[\*\])/,
  index: /^\[(-?\d{1,9})\]/,
  quoted: /^\['((?:[^'\\]|\\.)+)'\]/,
  filter: /^\[\?\(@((?:\.[^.[\]()=!<>\s]+)+)\s*(?:==\s*(?:"([^"]*)"|'([^']*)'|(-?\d+(?:\.\d+)?|true|false)))?\s*\)\]/,
};

const unescaped = (text: string): string => text.replaceAll(/\\(.)/g, '$1');

function literalOf(match: RegExpExecArray): string | number | boolean | undefined {
  const [, , double, single, other] = match;
  if (other === undefined) return double ?? single;
  return other === 'true' || other === 'false' ? other === 'true' : Number(other);
}

function stepAt(text: string): { step: Step; length: number } | undefined {
  const star = patterns.star.exec(text);
  if (star !== null) return { step: { kind: 'all' }, length: star[0].length };
  const field = patterns.field.exec(text) ?? patterns.quoted.exec(text);
  if (field !== null) return { step: { kind: 'field', name: unescaped(field[1] ?? '') }, length: field[0].length };
  const index = patterns.index.exec(text);
  if (index !== null) return { step: { kind: 'index', index: Number(index[1]) }, length: index[0].length };
  const filter = patterns.filter.exec(text);
  if (filter === null) return undefined;
  const path = (filter[1] ?? '').slice(1).split('.');
  return { step: { kind: 'filter', path, equals: literalOf(filter) }, length: filter[0].length };
}

/** Undefined: it is none. */
export function parsePath(text: string): readonly Step[] | undefined {
  if (!text.startsWith('.') || text.length > longest) return undefined;
  const steps: Step[] = [];
  let rest = text === '.' ? '' : text;
  while (rest !== '') {
    const found = stepAt(rest);
    if (found === undefined || steps.length === mostSteps) return undefined;
    steps.push(found.step);
    rest = rest.slice(found.length);
  }
  return steps;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

function follow(values: readonly unknown[], step: Step): unknown[] {
  switch (step.kind) {
    case 'field':
      return values.map((value) => memberOf(value, step.name)).filter((value) => value !== undefined);
    case 'index':
      return values
        .map((value) => (Array.isArray(value) ? (value.at(step.index) as unknown) : undefined))
        .filter((value) => value !== undefined);
    case 'all':
      return values.flatMap((value) =>
        typeof value === 'object' && value !== null ? (Object.values(value) as unknown[]) : [],
      );
    case 'filter':
      return values
        .flatMap((value) => (Array.isArray(value) ? (value as unknown[]) : []))
        .filter((item) => {
          const found = step.path.reduce<unknown>(memberOf, item);
          return step.equals === undefined ? found !== undefined : found === step.equals;
        });
  }
}

/** The values that a path leads to. */
export function valuesAt(value: unknown, steps: readonly Step[]): readonly unknown[] {
  return steps.reduce<readonly unknown[]>(follow, [value]);
}

/** The names of a path of fields alone; undefined: it is another. */
export function fieldNames(text: string): readonly string[] | undefined {
  const steps = parsePath(text);
  const names = steps?.flatMap((step) => (step.kind === 'field' ? [step.name] : []));
  return names !== undefined && names.length > 0 && names.length === steps?.length ? names : undefined;
}
