/** With real rules, routes and sockets, in a network namespace that ends with the test. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { run } from '@timonel/sdk/command';
import { until } from '@timonel/testkit';
import { hasProgram } from '../cluster/host.ts';
import { networkView } from './network-view.ts';
import { defaultRanges, obstacles, type Obstacle } from './obstacles.ts';

const missing = ['ip', 'nft', 'iptables-legacy'].filter((name) => !hasProgram(name));
const canTry = process.getuid?.() === 0 && missing.length === 0;
const title = `what is in the way${canTry ? '' : ` (skipped: it needs root and ${missing.join(', ') || 'nothing else'}: apt-get install iproute2 nftables iptables)`}`;

/** Docker's, as iptables-nft writes them. */
const docker = `table ip filter {
  chain DOCKER-USER { return; }
  chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; iifname "docker0" accept; }
}`;
const ufw = `table ip filter {
  chain ufw-user-input { }
  chain INPUT { type filter hook input priority filter; policy drop; jump ufw-user-input; }
}`;
const firewalld = `table inet firewalld {
  chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept; ct state established accept; reject with icmpx admin-prohibited; }
}`;
const own = `table ip mine {
  chain fw { type filter hook forward priority 5; policy accept; ip saddr 192.0.2.0/24 accept; counter drop; }
}`;
const thoughtOf = `table ip mine {
  chain fw { type filter hook forward priority 5; policy drop; ip saddr 10.0.0.0/8 accept; ip daddr 10.0.0.0/8 accept; }
}`;
const harmless = `table ip timonel_00000000_net {
  chain fw { type filter hook forward priority 5; policy drop; }
}
table ip some {
  chain fw { type filter hook forward priority 5; policy accept; ip saddr 192.0.2.1 drop; }
  chain out { type filter hook output priority 5; policy drop; }
}`;

(canTry ? describe : describe.skip)(title, () => {
  let holder: ChildProcess;
  let pid: number;

  beforeEach(async () => {
    const here = readlinkSync('/proc/self/ns/net');
    holder = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', 'sleep', '60'], { stdio: 'ignore' });
    pid = holder.pid ?? 0;
    await until(() => readlinkSync(`/proc/${pid}/ns/net`) !== here, { what: 'the namespace' });
    await inside('', 'ip', 'link', 'set', 'lo', 'up');
  });
  afterEach(async () => {
    const ended = new Promise((resolve) => holder.once('exit', resolve));
    holder.kill('SIGKILL');
    await ended;
  });

  async function inside(input: string, ...words: string[]): Promise<void> {
    const { status, stderr } = await run('nsenter', ['-t', String(pid), '-n', ...words], input);
    if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
  }
  const look = (ranges = defaultRanges): Promise<readonly Obstacle[]> => obstacles(networkView(pid), ranges);
  const bad = async (ranges = defaultRanges): Promise<readonly Obstacle[]> =>
    (await look(ranges)).filter(({ ok }) => !ok);

  it('is nothing on a machine that has nothing', async () => {
    expect((await look()).map(({ name, ok }) => [name, ok])).toEqual([
      ['rules of others', true],
      ['addresses of pods', true],
      ['addresses of services', true],
      ['ports', true],
    ]);
  });

  it.each([
    ['Docker', docker, 'forward', 'iptables -I DOCKER-USER -s 10.244.0.0/16 -j ACCEPT'],
    ['ufw', ufw, 'input', 'ufw allow from 10.244.0.0/16'],
    ['firewalld', firewalld, 'forward', 'firewall-cmd --permanent --zone=trusted --add-source=10.244.0.0/16'],
    ['somebody', own, 'forward', 'nft insert rule ip mine fw ip saddr 10.244.0.0/16 accept'],
  ])('rules of %s are found, with what to do', async (owner, rules, hook, fix) => {
    await inside(rules, 'nft', '-f', '-');
    const [found, ...others] = await bad();
    expect(others).toEqual([]);
    expect(found).toMatchObject({ name: `rules of others: ${hook}`, optional: false });
    expect(found?.detail).toContain(`(${owner}) turns away`);
    expect(found?.fix).toContain(fix);
  });

  it('what is said to do for rules of nobody known helps', async () => {
    await inside(own, 'nft', '-f', '-');
    const [found] = await bad();
    await inside('', 'sh', '-c', found?.fix.replace('accept the pods there: ', '') ?? 'false');
    expect(await bad()).toEqual([]);
  });

  it('rules that let pods pass, those of the cluster, and those for others are fine', async () => {
    for (const rules of [thoughtOf, harmless]) await inside(rules, 'nft', '-f', '-');
    expect(await bad()).toEqual([]);
  });

  it('rules of iptables-legacy are found, and gone when the pods are let pass', async () => {
    await inside('', 'iptables-legacy', '-P', 'FORWARD', 'DROP');
    const [found] = await bad();
    expect(found?.detail).toContain('chain FORWARD of iptables-legacy turns away');
    await inside('', 'sh', '-c', found?.fix ?? 'false');
    expect(await bad()).toEqual([]);
  });

  it('routes into the ranges of the cluster are named, but not those of nodes', async () => {
    const links = [
      'link add vpn type bridge',
      'link set vpn up',
      'link add tml0a0b0c type bridge',
      'link set tml0a0b0c up',
    ];
    const routes = [
      'addr add 10.96.7.1/24 dev vpn',
      'route add 10.244.9.9/32 dev vpn',
      'route add 10.244.1.0/24 dev tml0a0b0c',
      'route add 10.244.2.0/24 dev vpn proto 84',
      'route add default dev vpn',
    ];
    await inside(`${[...links, ...routes].join('\n')}\n`, 'ip', '-batch', '-');
    expect((await bad()).map(({ name, detail }) => [name, detail])).toEqual([
      ['addresses of pods', 'the route 10.244.9.9 dev vpn of this machine overlaps 10.244.0.0/16'],
      ['addresses of services', 'the route 10.96.7.0/24 dev vpn of this machine overlaps 10.96.0.0/16'],
    ]);
  });

  it('what is in the way of IPv6 is found likewise, where the cluster has it', async () => {
    const links = ['link add vpn type bridge', 'link set vpn up', 'route add fd00:1:0:1::/64 dev vpn'];
    await inside(`${links.join('\n')}\n`, 'ip', '-batch', '-');
    await inside(
      'table ip6 mine { chain fw { type filter hook forward priority 5; policy drop; }; }',
      'nft',
      '-f',
      '-',
    );
    expect(await bad()).toEqual([]);
    const ranges = { pods: '10.244.0.0/16,fd00:1::/48', services: 'fd00:2::/112' };
    const [rules, pods, ...others] = await bad(ranges);
    expect(others).toEqual([]);
    expect(rules?.fix).toContain('nft insert rule ip6 mine fw ip6 saddr fd00:1::/48 accept');
    expect(pods?.detail).toBe(`the route fd00:1:0:1::/64 dev vpn of this machine overlaps ${ranges.pods}`);
    await inside('', 'sh', '-c', rules?.fix.replace('accept the pods there: ', '') ?? 'false');
    expect((await bad(ranges)).map(({ name }) => name)).toEqual(['addresses of pods']);
  });

  it('who has a port that is wanted is named', async () => {
    const listen = "require('node:net').createServer().listen(6443, '0.0.0.0')";
    const words = ['--pdeathsig', 'KILL', 'nsenter', '-t', String(pid), '-n', process.execPath, '-e', listen];
    const other = spawn('setpriv', words, { stdio: 'ignore' });
    try {
      const [found] = await until(
        async () => {
          const all = await bad();
          return all.length > 0 ? all : undefined;
        },
        { what: 'the port to be taken' },
      );
      expect(found).toMatchObject({ name: 'port 6443', optional: true, fix: 'give another: --listen 127.0.0.1:7443' });
      expect(found?.detail).toContain(`process ${other.pid} (${process.execPath} -e require`);
    } finally {
      const ended = new Promise((resolve) => other.once('exit', resolve));
      other.kill('SIGKILL');
      await ended;
    }
  });
});
