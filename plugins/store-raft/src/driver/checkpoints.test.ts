import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createSimulatedEnv, type SimulatedEnv } from '@timonel/core/env';
import { silentLogger } from '../../test/silent-logger.ts';
import type { StateMachine } from '../state/state-machine.ts';
import { Checkpoints } from './checkpoints.ts';

const much = 100 * 1024 * 1024;

/** A state whose writes end at once, and fail when the test says so. */
class FakeMachine {
  standing = { appliedIndex: 0 };
  savedIndex = 0;
  unsavedEvents = 0;
  failure: unknown = undefined;
  checkpoints = 0;
  flushes = 0;
  toCollect = 0;

  get unsaved(): { events: number; bytes: number } {
    return { events: this.unsavedEvents, bytes: this.unsavedEvents * 1_000 };
  }
  apply(events: number): void {
    this.standing = { appliedIndex: this.standing.appliedIndex + events };
    this.unsavedEvents += events;
  }
  checkpointDue(): 'now' | 'some' | 'none' {
    if (this.unsavedEvents >= 500) return 'now';
    return this.unsavedEvents > 0 ? 'some' : 'none';
  }
  async checkpoint(): Promise<number> {
    this.checkpoints++;
    const { appliedIndex } = this.standing;
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    this.savedIndex = appliedIndex;
    this.unsavedEvents = this.standing.appliedIndex - appliedIndex;
    return appliedIndex;
  }
  async flushed(): Promise<void> {
    this.flushes++;
  }
  async collect(limit: number): Promise<boolean> {
    this.toCollect = Math.max(0, this.toCollect - limit);
    return this.toCollect > 0;
  }
}

describe('Checkpoints', () => {
  let dataDir = '';
  let env: SimulatedEnv;
  let machine: FakeMachine;
  let room = much;
  let events: unknown[];
  let checkpoints: Checkpoints;
  beforeEach(async () => {
    dataDir = await mkdtemp(`${tmpdir()}/timonel-checkpoints-`);
    env = createSimulatedEnv({ seed: 1 });
    machine = new FakeMachine();
    room = much;
    events = [];
    checkpoints = new Checkpoints({
      env,
      log: silentLogger,
      dataDir,
      machine: machine as unknown as StateMachine,
      freeBytes: () => room,
      durable: (index) => events.push({ durable: index }),
      full: (full) => events.push({ full }),
      failed: (error) => events.push({ failed: (error as Error).message }),
    });
  });
  afterEach(async () => {
    await checkpoints.close();
    await rm(dataDir, { recursive: true });
  });

  it('writes much at once, little after a while, and nothing when there is nothing', async () => {
    machine.apply(2_000);
    checkpoints.applied();
    await env.settle();
    expect(events).toEqual([{ durable: 2_000 }]);
    machine.apply(1);
    checkpoints.applied();
    await env.settle();
    expect(events).toHaveLength(1);
    await env.advance(250);
    expect(events).toEqual([{ durable: 2_000 }, { durable: 2_001 }]);
    await env.advance(1_000);
    expect(machine.checkpoints).toBe(2);
  });

  it('leaves some to the timer, but for writes that come in a rush', async () => {
    machine.apply(600);
    checkpoints.applied();
    await env.settle();
    expect(machine.checkpoints).toBe(0);
    await env.advance(250);
    expect(events).toEqual([{ durable: 600 }]);
    await env.advance(20);
    machine.apply(600);
    checkpoints.applied();
    await env.settle();
    expect(events).toEqual([{ durable: 600 }, { durable: 1_200 }]);
    await env.advance(100);
    machine.apply(600);
    checkpoints.applied();
    await env.settle();
    expect(machine.checkpoints).toBe(2);
  });

  it('tells that the state is durable only when it has been flushed', async () => {
    let flush: () => void = () => undefined;
    machine.flushed = () => new Promise((resolve) => (flush = resolve));
    machine.apply(2_000);
    checkpoints.applied();
    await env.settle();
    expect(machine.checkpoints).toBe(1);
    expect(events).toEqual([]);
    flush();
    await env.settle();
    expect(events).toEqual([{ durable: 2_000 }]);
    machine.flushed = () => Promise.resolve();
  });

  it('leaves the disk and the others alone while there is no room, whatever waits to be written', async () => {
    room = 0;
    machine.apply(2_000);
    checkpoints.applied();
    await env.advance(1_000);
    machine.apply(2_000);
    checkpoints.applied();
    await expect(checkpoints.now()).rejects.toMatchObject({ code: 'NO_SPACE' });
    await env.advance(1_000);
    expect(machine.checkpoints).toBe(0);
    expect(events).toEqual([{ full: true }]);
    room = much;
    await env.advance(250);
    expect(events).toEqual([{ full: true }, { full: false }, { durable: 4_000 }]);
  });

  it('takes a disk for full that LMDB finds full, and tries again', async () => {
    machine.failure = Object.assign(new Error('No space left on device'), { code: 28 });
    machine.apply(2_000);
    checkpoints.applied();
    await env.advance(1_000);
    expect(machine.checkpoints).toBeGreaterThan(2);
    expect(machine.checkpoints).toBeLessThan(7);
    expect(events).toEqual([{ full: true }]);
    machine.failure = undefined;
    await env.advance(250);
    expect(events).toEqual([{ full: true }, { full: false }, { durable: 2_000 }]);
  });

  it('ends the alarm also when a snapshot has left nothing to be written', async () => {
    room = 0;
    machine.apply(10);
    await env.advance(300);
    expect(events).toEqual([{ full: true }]);
    await checkpoints.exclusively(async () => void (machine.unsavedEvents = 0));
    room = much;
    await env.advance(250);
    expect(events).toEqual([{ full: true }, { full: false }, { durable: 10 }]);
  });

  it('fails once when the state cannot be written for another reason', async () => {
    machine.failure = new Error('broken');
    machine.apply(2_000);
    checkpoints.applied();
    await env.advance(2_000);
    expect(events).toEqual([{ failed: 'broken' }]);
    expect(machine.checkpoints).toBe(1);
  });

  it('removes old history in parts, until there is much to write', async () => {
    machine.toCollect = 5_000;
    machine.apply(1);
    await env.advance(300);
    expect(machine.toCollect).toBe(0);
  });

  it('writes what is left when it is closed, and nothing later', async () => {
    machine.apply(3);
    await checkpoints.close();
    expect(machine.savedIndex).toBe(3);
    machine.apply(2_000);
    checkpoints.applied();
    await env.settle();
    expect(machine.checkpoints).toBe(1);
    expect(env.pendingTimers).toBe(0);
    await expect(checkpoints.now()).rejects.toMatchObject({ code: 'STOPPED' });
  });
});
