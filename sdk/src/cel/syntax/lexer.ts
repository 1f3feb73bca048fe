/** Words of an expression. */
import { CelSyntaxError } from './problem.ts';

export type TokenKind = 'ident' | 'number' | 'text' | 'punctuation' | 'end';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly at: number;
}

const blank = /(?:[ \t\r\n\f]+|\/\/[^\n]*)+/y;
const ident = /[A-Za-z_][A-Za-z0-9_]*/y;
const number = /0[xX][0-9a-fA-F]+[uU]?|\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?|\d+[uU]?/y;
const punctuation = /==|!=|<=|>=|&&|\|\||[<>?:.,()[\]{}+\-*/%!]/y;
const quote = /(?:[bB]?[rR]?)("""|'''|"|')/y;

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** Where a text that opens at `from` with these quotes ends; each character is looked at once. */
function endOfText(text: string, from: number, quotes: string, raw: boolean): number {
  let at = from;
  while (at < text.length) {
    if (text.startsWith(quotes, at)) return at + quotes.length;
    if (text[at] === '\n' && quotes.length === 1) break;
    at += text[at] === '\\' && !raw ? 2 : 1;
  }
  return -1;
}

function textAt(text: string, at: number): string | undefined {
  quote.lastIndex = at;
  const opening = quote.exec(text);
  if (opening === null) return undefined;
  const raw = /r/i.test(opening[0]);
  const end = endOfText(text, at + opening[0].length, opening[1] ?? '"', raw);
  if (end < 0) throw new CelSyntaxError(`Syntax error: token recognition error at: '${text.slice(at, at + 20)}'`, at);
  return text.slice(at, end);
}

function tokenAt(text: string, at: number): Token {
  const quoted = textAt(text, at);
  if (quoted !== undefined) return { kind: 'text', text: quoted, at };
  for (const [kind, pattern] of [
    ['ident', ident],
    ['number', number],
    ['punctuation', punctuation],
  ] as const) {
    const found = match(pattern, text, at);
    if (found !== undefined) return { kind, text: found, at };
  }
  throw new CelSyntaxError(
    `Syntax error: token recognition error at: '${String.fromCodePoint(text.codePointAt(at) ?? 0)}'`,
    at,
  );
}

/** @throws CelSyntaxError */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = match(blank, text, 0)?.length ?? 0;
  while (at < text.length) {
    const token = tokenAt(text, at);
    tokens.push(token);
    at += token.text.length;
    at += match(blank, text, at)?.length ?? 0;
  }
  tokens.push({ kind: 'end', text: '<EOF>', at: text.length });
  return tokens;
}
