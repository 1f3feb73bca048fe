/** What docs/reference/reliability.md says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const file = join(import.meta.dirname, '..', '..', 'docs', 'reference', 'reliability.md');

export interface PageRow {
  readonly step: string;
  readonly outcomes: readonly string[];
}

/** Rows of the tables, by their titles. */
export function readPage(): ReadonlyMap<string, readonly PageRow[]> {
  const page = readFileSync(file, 'utf8');
  return new Map(
    [...page.matchAll(/^## (.*)\n([^]*?)(?=^## |$(?![^]))/gm)].map(([, title = '', text = '']) => [
      title,
      [...text.matchAll(/^\| `(.*?)` \| (.*) \|$/gm)].map(([, step = '', cells = '']) => ({
        step: step.replaceAll(String.raw`\|`, '|'),
        outcomes: cells.split(' | '),
      })),
    ]),
  );
}

/** In order of the alphabet. */
export function stepsOnPage(title: string): string[] {
  return (readPage().get(title) ?? []).map(({ step }) => step).toSorted();
}
