/** Names of properties as expressions write them: those of JSON that are no identifiers, or are reserved, are escaped. */

const reserved: ReadonlySet<string> = new Set(
  (
    'true false null in as break const continue else for function if import let loop package namespace return var void ' +
    'while'
  ).split(' '),
);

const escapes: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
};

const unescapes: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(escapes).map(([part, escaped]) => [escaped, part]),
);

/** Undefined: no expression can name the property. */
export function escapeName(name: string): string | undefined {
  if (reserved.has(name)) return `__${name}__`;
  if (!/^[a-zA-Z_./-][a-zA-Z0-9_./-]*$/.test(name)) return undefined;
  const escaped = name.replace(/__|[./-]/g, (part) => escapes[part] ?? part);
  return /^\d/.test(escaped) ? undefined : escaped;
}

/** The property that an expression means by a name: the opposite of {@link escapeName}. */
export function unescapeName(name: string): string {
  const word = /^__(\w+)__$/.exec(name)?.[1];
  if (word !== undefined && reserved.has(word)) return word;
  return name.replace(/__(?:underscores|dot|dash|slash)__/g, (part) => unescapes[part] ?? part);
}
