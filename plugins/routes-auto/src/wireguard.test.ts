/** Nodes with WireGuard, each on a link of its own with a router between, by wireguard-go. The kernel's: wireguard-kernel.test.ts. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Lan, wireguardMissing, type LanNode } from './testing/lan.ts';

jest.setTimeout(60_000);

const why = wireguardMissing('userspace');
const suite = why === undefined ? describe : describe.skip;

suite(`nodes with WireGuard by wireguard-go${why === undefined ? '' : ` (${why})`}`, () => {
  let directory: string;
  let lan: Lan;
  let n1: LanNode;
  let n2: LanNode;
  let n3: LanNode;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'timonel-wg-'));
    lan = new Lan(3, directory, 'userspace');
    await lan.open();
    [n1, n2, n3] = [lan.node(1), lan.node(2), lan.node(3)];
  });
  afterAll(async () => {
    await lan.close();
    await rm(directory, { recursive: true, force: true });
  });

  it('reach each other through it, with both families; a peer speaks from its own ranges alone', async () => {
    const kept = await lan.settle();
    expect(kept.map(({ mtuBytes }) => mtuBytes)).toEqual([1440, 1440, 1440]);
    expect(await n1.peers()).toEqual(['10.244.2.0/24 fd00:2::/64', '10.244.3.0/24 fd00:3::/64']);
    expect(await lan.unreached()).toEqual([]);
    expect(await n1.must(`ip -o link show dev ${n1.wireguardLink}`)).toContain(' mtu 1440 ');
    expect([await n1.kindTo(n2), await n2.kindTo(n1)]).toEqual(['tw', 'tw']);
    // A network that starts later must not find its own range taken.
    expect(await n1.must('ip -6 route show')).not.toContain('fd00:1::1');
    await n3.must('ip addr add 10.244.2.9/32 dev lo');
    expect(await n3.pings('10.244.2.9', n1.pod, 1)).toBe(false);
    expect(await n3.pings(n3.pod, n1.pod)).toBe(true);
    // What a node itself sends comes from its range too, with both families.
    for (const pod of [n1.pod, n1.pod6]) {
      expect(await n3.must(`ip -o route get ${pod}`)).toMatch(/src (10\.244\.3\.0|fd00:3::1) /);
    }
  });

  it('are not touched when nothing has changed, and mended when somebody has changed something', async () => {
    const [kept] = await lan.settle([n1]);
    expect(kept).toMatchObject({ added: [], removed: [], problems: [], notes: [] });
    const key = (await n1.must(`wg show ${n1.wireguardLink} peers`)).split('\n')[0] ?? '';
    for (const disturbance of [
      `wg set ${n1.wireguardLink} peer ${key} remove`,
      `wg set ${n1.wireguardLink} peer ${key} allowed-ips 10.1.0.0/16`,
      `wg set ${n1.wireguardLink} listen-port 4000`,
      `ip link set dev ${n1.wireguardLink} mtu 1300`,
      `ip link set dev ${n1.wireguardLink} down`,
      `ip addr flush dev ${n1.wireguardLink}`,
      `ip link delete dev ${n1.wireguardLink}`,
    ]) {
      await n1.must(disturbance);
      expect([disturbance, await lan.settle([n1])]).toMatchObject([disturbance, [{ problems: [] }]]);
      expect([disturbance, await n1.reaches(n2), await n3.reaches(n1)]).toEqual([disturbance, true, true]);
    }
    expect(await lan.unreached()).toEqual([]);
  });

  it('use VXLAN with a node that has none, and WireGuard again when it has', async () => {
    n3.restart({ tunnelKind: 'vxlan' });
    await lan.settle();
    expect([await n1.kindTo(n2), await n1.kindTo(n3), await n3.kindTo(n1)]).toEqual(['tw', 'tx', 'tx']);
    expect(await n1.peers()).toEqual(['10.244.2.0/24 fd00:2::/64']);
    expect(await lan.unreached()).toEqual([]);
    n3.restart({ tunnelKind: 'auto' });
    await lan.settle();
    expect([await n1.kindTo(n3), await n3.kindTo(n1)]).toEqual(['tw', 'tw']);
    expect(await lan.unreached()).toEqual([]);
    expect(await n1.must('ip -o link')).not.toContain('vxlan');
  });

  it('make their link whatever the environment asks of wireguard-go', async () => {
    const asked = { LOG_LEVEL: 'debug', WG_PROCESS_FOREGROUND: '1' };
    const before = Object.keys(asked).map((name) => [name, process.env[name]] as const);
    Object.assign(process.env, asked);
    try {
      await n1.must(`ip link delete dev ${n1.wireguardLink}`);
      expect(await lan.settle([n1])).toMatchObject([{ problems: [] }]);
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
    expect(await n1.reaches(n2)).toBe(true);
  });

  it('take another key when the file of theirs is removed', async () => {
    const before = lan.announcementOf(2);
    await n2.newKey();
    // Also while the others do not know it yet, nothing is sent in clear.
    await n2.sync([...lan.cluster.values()]);
    expect(await n2.kindTo(n1)).toBe('tw');
    await lan.settle();
    expect(lan.announcementOf(2)).not.toBe(before);
    expect(await n1.peers()).toHaveLength(2);
    expect(await lan.unreached()).toEqual([]);
  });

  it('take another port', async () => {
    n2.restart({ wireguardPort: 51_821 });
    await n2.sync([...lan.cluster.values()]);
    expect(await n2.kindTo(n1)).toBe('tw');
    await lan.settle();
    expect(JSON.parse(lan.announcementOf(2))).toMatchObject({ port: 51_821 });
    expect(await lan.unreached()).toEqual([]);
  });

  it('forget a node that leaves, and reach it when it comes back', async () => {
    lan.cluster.delete('n3');
    await n3.removeAll();
    await lan.settle([n1, n2]);
    expect([await n1.peers(), await n1.kindTo(n3)]).toEqual([['10.244.2.0/24 fd00:2::/64'], 'none']);
    lan.join(3);
    n3.restart();
    await lan.settle();
    expect(await lan.unreached()).toEqual([]);
  });

  it('take no key that a node has from another one', async () => {
    const own = lan.announcementOf(3);
    lan.announce(3, lan.announcementOf(2));
    const [kept] = await lan.settle([n1, n2]);
    expect(kept?.problems).toEqual(['what node n3 says of its WireGuard is not its own: it is left out']);
    expect(await n1.peers()).toEqual(['10.244.2.0/24 fd00:2::/64']);
    expect([await n1.reaches(n2), await n1.kindTo(n3)]).toEqual([true, 'tx']);
    lan.announce(3, own);
    await lan.settle();
    expect(await lan.unreached()).toEqual([]);
  });

  it('tell the others when their port is in use, and when it is not any more; not for a moment', async () => {
    const other = `other${process.pid}`;
    const reason = 'UDP port 51820 of this machine is in use: give this node another wireguardPort';
    await n2.removeAll();
    n2.restart({ wireguardPort: 51_820 });
    const nodes = [...lan.cluster.values()];
    try {
      await n2.must(`wireguard-go ${other}`);
      await n2.must(`wg set ${other} listen-port 51820`);
      const { announcement, problems } = await n2.sync(nodes);
      expect(announcement).toBe(lan.announcementOf(2));
      expect(problems[0]).toContain(reason);
      await n2.sync(nodes);
      const kept = (await lan.settle())[1];
      expect([kept?.announcement, kept?.problems, kept?.notes[0]]).toEqual(['', [], expect.stringContaining(reason)]);
      expect([await n1.kindTo(n2), await n2.kindTo(n1)]).toEqual(['tx', 'tx']);
      expect(await lan.unreached()).toEqual([]);
    } finally {
      await n2.must(`ip link delete dev ${other}`);
    }
    await lan.settle();
    expect([await n1.kindTo(n2), await n2.kindTo(n1), await n1.reaches(n2)]).toEqual(['tw', 'tw', true]);
  });

  it('are not reached without it where nothing else is allowed', async () => {
    n1.restart({ tunnelKind: 'wireguard' });
    n3.restart({ tunnelKind: 'vxlan' });
    const [kept] = await lan.settle();
    expect(kept?.problems).toContain(
      'node n3 has no WireGuard, and no other tunnel is allowed here: there is no way to the pods of 10.244.3.0/24',
    );
    expect([await n1.kindTo(n3), await n1.reaches(n2), await n3.reaches(n1)]).toEqual(['none', true, false]);
    n1.restart({ tunnelKind: 'auto' });
    n3.restart({ tunnelKind: 'auto' });
    await lan.settle();
  });

  it('leave nothing', async () => {
    for (const each of lan.nodes) {
      await each.removeAll();
      await each.removeAll();
      expect(await each.must('ip -o link')).not.toMatch(/tw|tx/);
      expect(await each.must('ip route show proto 84')).toBe('');
    }
  });
});

describe('a machine without WireGuard', () => {
  it('says what is missing', async () => {
    const { Wireguard } = await import('./wireguard.ts');
    const answers: Record<string, { status: number; stdout: string; stderr: string }> = {
      wg: { status: 0, stdout: '', stderr: '' },
      ip: { status: 1, stdout: '', stderr: 'Error: Unknown device type.\nCommand failed -:1' },
      'ip -j': { status: 1, stdout: '', stderr: 'Device "tw0" does not exist.' },
    };
    const problemOf = async (options: object, absent: string): Promise<string | undefined> => {
      const problem = await new Wireguard(
        async (program, [option]) => {
          const answer = answers[`${program} ${option}`] ?? answers[program];
          if (program === absent || answer === undefined) throw new Error(`spawn ${program} ENOENT`);
          return answer;
        },
        { link: 'tw0', port: 1, implementation: 'kernel', ...options },
      ).problem();
      expect(problem?.isPassing).toBe(false);
      return problem?.reason;
    };
    const kernel = 'the kernel has no WireGuard ("modprobe wireguard")';
    expect(await problemOf({}, 'wg')).toBe('the program wg is not installed (apt-get install wireguard-tools)');
    expect(await problemOf({}, '')).toBe(kernel);
    const noGo = 'the program wireguard-go is not installed (apt-get install wireguard-go)';
    expect(await problemOf({ implementation: 'auto' }, '')).toBe(`${kernel}, and ${noGo}`);
    expect(await problemOf({ implementation: 'userspace' }, '')).toBe(noGo);
  });

  it('asks again for what may pass, and not for what is missing', async () => {
    const { Wireguard } = await import('./wireguard.ts');
    const missing = { status: 1, stdout: '', stderr: 'Device "tw0" does not exist.' };
    let attempt = { status: 2, stdout: '', stderr: 'RTNETLINK answers: Cannot allocate memory\nCommand failed -:1' };
    let isInUse = false;
    const wireguard = new Wireguard(
      async (program, args) => {
        if (program === 'sh') return { status: 0, stdout: isInUse ? '1: 00000000:0001' : '', stderr: '' };
        if (program === 'ip') return args[0] === '-j' ? missing : attempt;
        return { status: 0, stdout: '', stderr: '' };
      },
      { link: 'tw0', port: 1, implementation: 'kernel' },
    );
    const memory = 'no WireGuard link can be made: RTNETLINK answers: Cannot allocate memory';
    expect(await wireguard.problem()).toEqual({ reason: memory, isPassing: true });
    attempt = { ...attempt, status: 0 };
    expect(await wireguard.problem()).toBeUndefined();
    // Nor is a port, before somebody has it for longer.
    isInUse = true;
    const reason =
      'UDP port 1 of this machine is in use: give this node another wireguardPort (configuration of routes-auto)';
    const looks = [await wireguard.problem(), await wireguard.problem(), await wireguard.problem()];
    expect(looks).toEqual([true, true, false].map((isPassing) => ({ reason, isPassing })));
    isInUse = false;
    expect(await wireguard.problem()).toBeUndefined();
  });
});
