import { describe, expect, it } from '@jest/globals';
import type { ApiClient, Patch } from '@timonel/sdk/contracts/api';
import { ApiError, type Pod } from '@timonel/sdk/kube';
import { createRecordingLogger, manualEnv, settle, type RecordingLogger } from '@timonel/testkit';
import { PodStatusWriter } from './pod-status.ts';
import { aPod } from '../testing/stand-ins.ts';

interface WrittenBody {
  readonly metadata: { readonly uid?: string; readonly resourceVersion?: string };
  readonly status: { readonly conditions?: { readonly message: string }[]; readonly nominatedNodeName?: string | null };
}

/** Keeps what was written; answers when told. */
class FakeApi {
  readonly written: WrittenBody[] = [];
  readonly faults: unknown[] = [];
  /** What `get` answers. */
  current: Pod = aPod('p');
  gets = 0;
  hold: Promise<void> = Promise.resolve();

  client(): ApiClient {
    return {
      patch: async (_type: unknown, _name: unknown, patch: Patch) => {
        await this.hold;
        this.written.push(patch.body as WrittenBody);
        const fault = this.faults.shift();
        if (fault !== undefined) throw fault;
        return { ...this.current, metadata: { ...this.current.metadata, resourceVersion: '8' } };
      },
      get: () => {
        this.gets += 1;
        return Promise.resolve(this.current);
      },
    } as unknown as ApiClient;
  }
}

function bench(): { api: FakeApi; writer: PodStatusWriter; log: RecordingLogger } {
  const api = new FakeApi();
  const log = createRecordingLogger();
  return { api, writer: new PodStatusWriter(api.client(), manualEnv(), log), log };
}

const pod = aPod('p', {}, { resourceVersion: '5' });
const because = (message: string) => ({ because: { reason: 'Unschedulable', message } });
const messages = ({ written }: FakeApi): (string | undefined)[] =>
  written.map(({ status }) => status.conditions?.[0]?.message);
const conflict = new ApiError('Conflict', 'somebody else wrote');

describe('the status of waiting pods', () => {
  it('is written when its text changes, for the version that is known', async () => {
    const { api, writer } = bench();
    expect(writer.write(pod, because('a'))).toBe(true);
    expect(writer.write(pod, because('a'))).toBe(false);
    await writer.idle();
    expect(writer.write(pod, because('a'))).toBe(false);
    expect(writer.write(pod, because('b'))).toBe(true);
    await writer.idle();
    expect(messages(api)).toEqual(['a', 'b']);
    // The second one after our own first write.
    expect(api.written.map(({ metadata }) => metadata)).toEqual([
      { uid: 'uid-p', resourceVersion: '5' },
      { uid: 'uid-p', resourceVersion: '8' },
    ]);
  });

  it('is not written when it stands there already', () => {
    const { writer } = bench();
    const condition = { type: 'PodScheduled', status: 'False' as const, reason: 'Unschedulable', message: 'a' };
    const marked = { ...pod, status: { conditions: [condition], nominatedNodeName: 'n' } };
    expect(writer.write(marked, { ...because('a'), nominatedNodeName: 'n' })).toBe(false);
    expect(writer.busy('uid-p')).toBe(false);
    expect(writer.write(pod, { nominatedNodeName: null })).toBe(false);
    expect(writer.busy('uid-p')).toBe(false);
    writer.write(marked, { nominatedNodeName: null });
    expect(writer.busy('uid-p')).toBe(true);
  });

  it('is written once for several wishes that came meanwhile', async () => {
    const { api, writer } = bench();
    let release: () => void = () => undefined;
    api.hold = new Promise((resolve) => (release = resolve));
    writer.write(pod, because('a'));
    writer.write(pod, because('b'));
    writer.write(pod, { nominatedNodeName: 'n' });
    writer.write(pod, because('c'));
    release();
    await writer.idle();
    expect(messages(api)).toEqual(['a', 'c']);
    expect(api.written[1]?.status.nominatedNodeName).toBe('n');
  });

  it('is not written any more for a pod that waits no more', async () => {
    const { api, writer } = bench();
    let release: () => void = () => undefined;
    api.hold = new Promise((resolve) => (release = resolve));
    for (let index = 0; index < 10; index++) writer.write(aPod(`p${index}`), because('a'));
    for (let index = 0; index < 10; index++) writer.forget(`uid-p${index}`);
    release();
    await writer.idle();
    // What was under way already, and nothing else.
    expect(api.written).toHaveLength(8);
  });

  it('is written again for the newest version after a conflict, unless the pod has a node', async () => {
    const { api, writer } = bench();
    api.faults.push(conflict);
    api.current = aPod('p', {}, { resourceVersion: '7' });
    writer.write(pod, because('a'));
    await writer.idle();
    expect(api.written.map(({ metadata }) => metadata.resourceVersion)).toEqual(['5', '7']);
    api.faults.push(conflict);
    api.current = aPod('p', { nodeName: 'n' }, { resourceVersion: '9' });
    writer.write(pod, because('b'));
    await writer.idle();
    expect(api.written).toHaveLength(3);
    expect(api.gets).toBe(2);
  });

  it('is given up after three conflicts, and written at the next attempt', async () => {
    const { api, writer } = bench();
    api.faults.push(conflict, conflict, conflict);
    writer.write(pod, because('a'));
    await writer.idle();
    expect(api.written).toHaveLength(3);
    expect(writer.write(pod, because('a'))).toBe(true);
  });

  it('is written at the next attempt after a failure, which is logged', async () => {
    const { api, writer, log } = bench();
    api.faults.push(new Error('no luck'), new ApiError('NotFound', 'gone'));
    writer.write(pod, because('a'));
    await writer.idle();
    expect(log.lines.map(({ message }) => message)).toEqual(['the status of a waiting pod could not be written']);
    expect(writer.write(pod, because('a'))).toBe(true);
    await writer.idle();
    expect(log.lines).toHaveLength(1);
  });

  it('waits for at most 10,000 pods', async () => {
    const { api, writer } = bench();
    let release: () => void = () => undefined;
    api.hold = new Promise((resolve) => (release = resolve));
    for (let index = 0; index < 10_000; index++) expect(writer.write(aPod(`p${index}`), because('a'))).toBe(true);
    expect(writer.write(aPod('more'), because('a'))).toBe(false);
    expect(writer.write(aPod('p0'), because('b'))).toBe(true);
    release();
    await writer.idle();
    await settle();
    expect(writer.write(aPod('more'), because('a'))).toBe(true);
    await writer.idle();
    expect(api.written).toHaveLength(10_002);
  });

  it('is written anew when it is not known any more what stands there', async () => {
    const { api, writer } = bench();
    writer.write(pod, because('a'));
    await writer.idle();
    const other = { type: 'PodScheduled', status: 'False' as const, reason: 'Unschedulable', message: 'of another' };
    const rewritten: Pod = { ...pod, status: { conditions: [other] } };
    writer.readAnew();
    expect(writer.write(rewritten, because('a'))).toBe(true);
    await writer.idle();
    expect(messages(api)).toEqual(['a', 'a']);
  });

  it('is not written by who may not write any more', async () => {
    const api = new FakeApi();
    let may = false;
    const writer = new PodStatusWriter(api.client(), manualEnv(), createRecordingLogger(), () => may);
    writer.write(pod, because('a'));
    await writer.idle();
    expect(messages(api)).toEqual([]);
    may = true;
    writer.write(pod, because('a'));
    await writer.idle();
    expect(messages(api)).toEqual(['a']);
  });
});
