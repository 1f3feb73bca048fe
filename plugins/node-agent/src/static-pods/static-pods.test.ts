import { mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Pod } from '@timonel/sdk/kube';
import { createRecordingLogger, manualEnv, until } from '@timonel/testkit';
import { StaticPods } from './static-pods.ts';

let root: string;
let path: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'timonel-static-'));
  path = join(root, 'manifests');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const manifest = (name: string, image = 'img:1') =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [{ name: 'app', image }] } });

function write(files: Record<string, string>): void {
  mkdirSync(path, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
}

/** A node whose pods end when the test says so. */
function bench() {
  const env = manualEnv();
  const told: string[] = [];
  const worked = new Map<string, Pod>();
  const label = ({ metadata, spec }: Pod) => `${metadata.name} ${spec.containers[0]?.image}`;
  const statics = new StaticPods({
    path,
    nodeName: 'n',
    env,
    log: createRecordingLogger(),
    intervalMs: 20_000,
    worked: () => [...worked.values()],
    begin: (pod) => {
      worked.set(pod.metadata.uid ?? '', pod);
      told.push(`begin ${label(pod)}`);
    },
    end: (pod) => void told.push(`end ${label(pod)}`),
    refused: (file, problem) => void told.push(`refused ${file}: ${problem}`),
    changed: () => undefined,
  });
  const gone = (image: string): void => {
    for (const [uid, pod] of worked) if (pod.spec.containers[0]?.image === image) worked.delete(uid);
    statics.settle();
  };
  const taken = (): string[] => told.splice(0);
  return { env, statics, taken, gone, worked };
}

describe('static pods', () => {
  it('begin when what runs is known, and follow their files', async () => {
    write({ 'a.yaml': manifest('a'), '.hidden': 'x', 'notes.txt~': '' });
    const { statics, taken, gone } = bench();
    await statics.open();
    expect(taken()).toEqual(['refused notes.txt~: the file holds no manifest']);
    statics.start();
    expect(taken()).toEqual(['begin a-n img:1']);
    write({ 'b.json': manifest('b', 'img:b') });
    await statics.read();
    expect(taken()).toEqual(['begin b-n img:b']);
    // A changed one begins when the one before is gone: they have the same name.
    write({ 'a.yaml': manifest('a', 'img:2') });
    await statics.read();
    expect(taken()).toEqual(['end a-n img:1']);
    gone('img:1');
    expect(taken()).toEqual(['begin a-n img:2']);
    unlinkSync(join(path, 'b.json'));
    await statics.read();
    expect(taken()).toEqual(['end b-n img:b']);
    await statics.stop();
  });

  it('are not disturbed by files that are wrong, and each problem is told once', async () => {
    write({ 'a.yaml': manifest('a'), 'bad.yaml': 'kind: Pod', 'twin.yaml': manifest('a') });
    execFileSync('mkfifo', [join(path, 'pipe')]);
    mkdirSync(join(path, 'more'));
    writeFileSync(join(path, 'huge.yaml'), Buffer.alloc(1024 * 1024 + 1, ' '));
    symlinkSync('/nowhere', join(path, 'lost.yaml'));
    const { statics, taken } = bench();
    await statics.open();
    statics.start();
    const [lost] = taken().filter((line) => line.startsWith('refused lost.yaml'));
    expect(lost).toContain('ENOENT');
    await statics.read();
    expect(taken()).toEqual([]);
    write({ 'a.yaml': '{' });
    await statics.read();
    const told = taken();
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/^refused a\.yaml: /);
    write({ 'a.yaml': manifest('a') });
    unlinkSync(join(path, 'twin.yaml'));
    await statics.read();
    expect(taken()).toEqual([]);
    await statics.stop();
  });

  it('of one name in two files run once, that of the first', async () => {
    write({ 'b.yaml': manifest('x', 'img:b'), 'a.yaml': manifest('x', 'img:a') });
    const { statics, taken } = bench();
    await statics.open();
    statics.start();
    expect(taken()).toEqual(['refused b.yaml: pod default/x-n is in a.yaml already', 'begin x-n img:a']);
    await statics.stop();
  });

  it('wait for another pod of their name to be gone', async () => {
    write({ 'a.yaml': manifest('a') });
    const { statics, taken, gone, worked } = bench();
    const other = {
      metadata: { name: 'a-n', namespace: 'default' },
      spec: { containers: [{ name: 'x', image: 'foreign' }] },
    };
    worked.set('other', other);
    await statics.open();
    statics.start();
    expect(taken()).toEqual([]);
    gone('foreign');
    expect(taken()).toEqual(['begin a-n img:1']);
    await statics.stop();
  });

  it('are noticed when their directory comes later, and when nothing tells of a change', async () => {
    const { env, statics, taken } = bench();
    await statics.open();
    statics.start();
    expect(statics.isKnown).toBe(true);
    write({ 'a.yaml': manifest('a') });
    await env.advance(20_000);
    await until(() => taken().length > 0, { what: 'the first pod' });
    // From here on the kernel tells of it; the clock stands still but for the rest after a sign.
    write({ 'b.yaml': manifest('b') });
    let seen = '';
    await until(
      async () => {
        await env.advance(100);
        seen += taken().join();
        return seen !== '';
      },
      { what: 'the second pod' },
    );
    expect(seen).toBe('begin b-n img:1');
    await statics.stop();
  });

  it('stay as they are while their directory cannot be read', async () => {
    writeFileSync(path, 'a file where the directory is to be');
    const { statics } = bench();
    await statics.open();
    expect([statics.isKnown, statics.isWanted('any')]).toEqual([false, false]);
    rmSync(path);
    write({ 'a.yaml': manifest('a') });
    await statics.read();
    expect(statics.isKnown).toBe(true);
    rmSync(path, { recursive: true });
    writeFileSync(path, '');
    await statics.read();
    statics.start();
    expect(statics.begun()).toHaveLength(1);
    await statics.stop();
  });
});
