/**
 * Every verb of real kubectl once, against one cluster with a node. The table is checked against `kubectl --help`: a verb without
 * an entry fails. Where a verb leads to a part that is not there, its API side is what is tested, and the test's name says so.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram, TestCluster, type RunResult } from '../support/cluster.ts';
import { kubernetesTools } from '../support/kubectl.ts';
import { newTraces, traces } from '../support/machine.ts';
import { RunningProgram } from '../support/running-program.ts';
import { until } from '../support/until.ts';
import { commandsOf, objects, verbs, type Step } from './kubectl-verbs-table.ts';

let before: readonly string[];
let cluster: TestCluster;
let kubectlPath: string;
let home: string;
const running: RunningProgram[] = [];

function wordsOf(command: string): string[] {
  // Quotes hold words together, as in a shell.
  return (command.match(/(?:[^\s']|'[^']*')+/g) ?? []).map((word) =>
    word.replaceAll("'", '').replaceAll('$HOME', home),
  );
}

function environment(): NodeJS.ProcessEnv {
  return { KUBECONFIG: cluster.kubeconfig, HOME: home, KUBE_EDITOR: join(home, 'editor.sh') };
}

function kubectl(command: string, input?: string): Promise<RunResult> {
  const options = { env: environment(), timeoutMs: 60_000, ...(input === undefined ? {} : { input }) };
  return runProgram(kubectlPath, wordsOf(command), options);
}

/** One that goes on until it is ended. */
function begin(command: string): RunningProgram {
  const begun = new RunningProgram(kubectlPath, wordsOf(command), environment());
  running.push(begun);
  return begun;
}

async function check({ run, input, prints, fails, again }: Step): Promise<void> {
  const once = async (): Promise<RunResult> => {
    const result = await kubectl(run, input);
    const text = `${result.stdout}${result.stderr}`;
    if (result.status !== (fails ?? 0) || prints?.test(text) === false) {
      throw new Error(`kubectl ${run}\nexit code ${result.status}, expected ${fails ?? 0} and ${prints}:\n${text}`);
    }
    return result;
  };
  if (again !== true) await once();
  else await until(once, { what: run, timeoutMs: 60_000, intervalMs: 300 });
}

beforeAll(async () => {
  kubectlPath = (await kubernetesTools()).kubectl;
  before = traces();
  cluster = await TestCluster.start();
  home = join(cluster.dataDir, 'home');
  mkdirSync(join(home, 'kustom'), { recursive: true });
  writeFileSync(join(home, 'kustom', 'kustomization.yaml'), 'namePrefix: from-\nresources: [config.yaml]\n');
  writeFileSync(join(home, 'kustom', 'config.yaml'), objects.configMap('kustom'));
  writeFileSync(join(home, 'web.yaml'), objects.deployment(2, 'example.com/web:1'));
  writeFileSync(join(home, 'role.yaml'), objects.role);
  writeFileSync(join(home, 'file.txt'), 'carried over\n');
  writeFileSync(join(home, 'editor.sh'), '#!/bin/sh\nsed -i "s/before-edit/after-edit/" "$1"\n');
  chmodSync(join(home, 'editor.sh'), 0o755);
  await check({ run: 'apply -f -', input: objects.shell });
  await check({ run: 'wait --for=condition=Ready pod/shell --timeout=60s' });
}, 360_000);

afterAll(async () => {
  for (const { child } of running.splice(0)) child.kill('SIGKILL');
  await cluster?.dispose();
  expect(newTraces(before)).toEqual([]);
}, 90_000);

it('every verb of kubectl has an entry', async () => {
  const { stdout } = await kubectl('--help');
  // Not among the commands, but it is one.
  const names = [...commandsOf(stdout), 'options'];
  expect(names.length).toBeGreaterThan(40);
  expect([...verbs.map(({ verb }) => verb), ...sessions.map(([verb]) => verb)].toSorted()).toEqual(names.toSorted());
});

describe('kubectl', () => {
  it.each(
    verbs.map(
      ({ verb, steps, without }) => [without === undefined ? verb : `${verb} (without ${without})`, steps] as const,
    ),
  )(
    '%s',
    async (_, steps) => {
      for (const step of steps) await check(step);
    },
    90_000,
  );
});

const sessions: readonly (readonly [string, () => Promise<void>])[] = [
  [
    'logs',
    async () => {
      await check({ run: 'logs shell', prints: /^begun\n/, again: true });
      await check({ run: 'logs shell --tail=1 --timestamps', prints: /^\d{4}-\d\d-\d\dT\S+ begun\n/ });
      await check({ run: 'logs nosuch', fails: 1, prints: /pods "nosuch" not found/ });
      const follow = begin('logs -f shell');
      await check({ run: "exec shell -- sh -c 'echo followed > /proc/1/fd/1'" });
      await until(() => follow.output.includes('followed'), { what: () => follow.output });
    },
  ],
  [
    'exec',
    async () => {
      await check({ run: "exec shell -- sh -c 'echo out; echo err >&2'", prints: /out\n[^]*err\n/ });
      await check({ run: 'exec -i shell -c main -- cat', input: 'through\n', prints: /^through\n$/ });
      await check({ run: "exec shell -- sh -c 'exit 7'", fails: 7 });
      await check({ run: 'exec shell -c nosuch -- true', fails: 1, prints: /nosuch/ });
    },
  ],
  [
    'attach',
    async () => {
      const attached = begin('attach -i shell');
      await until(
        () => {
          attached.child.stdin.write('hello\n');
          return attached.output.includes('heard hello');
        },
        { what: () => attached.output, intervalMs: 200 },
      );
      attached.child.kill('SIGINT');
    },
  ],
  [
    'cp',
    async () => {
      const tar = readFileSync(join(import.meta.dirname, 'tar-in-node.cjs'), 'utf8');
      await check({ run: "exec -i shell -- sh -c 'cat > /usr/bin/tar; chmod 755 /usr/bin/tar'", input: tar });
      await check({ run: 'cp $HOME/file.txt shell:/tmp/carried.txt' });
      await check({ run: 'exec shell -c main -- cat /tmp/carried.txt', prints: /^carried over\n$/ });
      await check({ run: 'cp shell:/tmp/carried.txt $HOME/back.txt' });
      expect(readFileSync(join(home, 'back.txt'), 'utf8')).toBe('carried over\n');
    },
  ],
  [
    'port-forward',
    async () => {
      const forward = begin('port-forward pod/shell :8080 --address=127.0.0.1');
      const port = await until(() => /127\.0\.0\.1:(\d+) ->/.exec(forward.output)?.[1], {
        what: () => forward.output,
      });
      const answer = await until(async () => (await fetch(`http://127.0.0.1:${port}/`)).text(), { what: 'an answer' });
      expect(answer).toBe('ahoy');
    },
  ],
  [
    'proxy',
    async () => {
      const proxy = begin('proxy --port=0');
      const port = await until(() => /127\.0\.0\.1:(\d+)/.exec(proxy.output)?.[1], { what: () => proxy.output });
      const pod = await fetch(`http://127.0.0.1:${port}/api/v1/namespaces/default/pods/shell`);
      expect(await pod.json()).toMatchObject({ kind: 'Pod', metadata: { name: 'shell' } });
      const path = '/api/v1/namespaces/default/pods/shell:8081/proxy/';
      const through = await fetch(`http://127.0.0.1:${port}${path}`).catch((error: unknown) => {
        throw new Error(`${path}: ${String((error as Error).cause)}`);
      });
      expect(await through.text()).toBe('ahoy');
    },
  ],
];

describe('kubectl in a session', () => {
  it.each(sessions)('%s', async (_, session) => session(), 60_000);
});
