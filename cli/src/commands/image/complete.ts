/** Names of the node's images, for the completion of commands that take one. */
import { callCluster } from '../../cluster/remote.ts';
import { accessOf } from '../access.ts';
import type { ImageItems } from './inventory.ts';
import { imagesPath } from './path.ts';

/** Whoever waits for a completion waits no longer than this for a cluster. */
const patienceMs = 1000;
const verbs: ReadonlySet<string> = new Set(['inspect', 'push', 'rm', 'export']);

async function list(words: readonly string[]): Promise<readonly string[]> {
  const after = (flag: string): string | undefined => words[words.indexOf(flag) + 1 || words.length];
  const [dataDir, kubeconfig] = [after('--data-dir'), after('--kubeconfig')];
  const access = accessOf({
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
  });
  const { items } = await callCluster<ImageItems>(access, 'GET', imagesPath, undefined, patienceMs);
  return items.flatMap(({ references }) => references);
}

/** What may stand at the place of the last word, where an image is named there. Nothing when no cluster answers. */
export async function imageCandidates(
  words: readonly string[],
  read: (words: readonly string[]) => Promise<readonly string[]> = list,
): Promise<readonly string[]> {
  const [group, verb = ''] = words;
  const last = words.at(-1) ?? '';
  // The first that follows `export` is a file.
  const first = verb === 'export' ? 4 : 3;
  if (group !== 'image' || !verbs.has(verb) || words.length < first || last.startsWith('-')) return [];
  if (['--data-dir', '--kubeconfig', '--output', '-o', '--username'].includes(words.at(-2) ?? '')) return [];
  const references = await read(words).catch(() => []);
  return references.filter((reference) => reference.startsWith(last));
}
