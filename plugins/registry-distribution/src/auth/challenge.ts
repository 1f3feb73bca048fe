/** `WWW-Authenticate`, as far as registries use it. */

export type Challenge =
  | { readonly scheme: 'bearer'; readonly realm: string; readonly service: string }
  | { readonly scheme: 'basic' };

const headerLimit = 4096;

/** One step: a scheme's name, or `name=value` with or without quotes. Linear: each step begins where the last one ended. */
const step = /[\s,]*(?:([A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]*)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?)/y;

interface Parsed {
  readonly scheme: string;
  readonly parameters: Map<string, string>;
}

function parse(text: string): Parsed[] {
  const found: Parsed[] = [];
  step.lastIndex = 0;
  for (let match = step.exec(text); match !== null; match = step.exec(text)) {
    const [, name = '', quoted, plain] = match;
    const value = quoted === undefined ? plain : quoted.replaceAll(/\\(.)/g, '$1');
    if (value === undefined) found.push({ scheme: name.toLowerCase(), parameters: new Map() });
    else found.at(-1)?.parameters.set(name.toLowerCase(), value);
  }
  return found;
}

/** What the registry asks for; of several, tokens before passwords. Undefined: nothing that this client can give. */
export function parseChallenge(header: string): Challenge | undefined {
  const all = parse(header.slice(0, headerLimit));
  const bearer = all.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'));
  if (bearer !== undefined) {
    const { parameters } = bearer;
    return { scheme: 'bearer', realm: parameters.get('realm') ?? '', service: parameters.get('service') ?? '' };
  }
  return all.some(({ scheme }) => scheme === 'basic') ? { scheme: 'basic' } : undefined;
}
