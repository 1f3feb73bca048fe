import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { commandOf, refuseRole } from './cluster-state.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'timonel-cluster-state-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

describe('the command of a data directory', () => {
  it('is none for a fresh one', () => {
    expect(commandOf(dataDir)).toBeUndefined();
  });

  it('is "up" for one with the token of an all-in-one cluster', () => {
    mkdirSync(join(dataDir, 'data', 'auth-token'), { recursive: true });
    expect(commandOf(dataDir)).toBe('up');
    expect(() => refuseRole(dataDir, 'server')).toThrow('start it by `timonel up`');
  });

  it("is none for one that has a copy of a server's keys only", () => {
    mkdirSync(join(dataDir, 'data', 'auth-token'), { recursive: true });
    mkdirSync(join(dataDir, 'pki'));
    expect(commandOf(dataDir)).toBeUndefined();
  });
});
