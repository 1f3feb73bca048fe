import { describe, expect, it } from '@jest/globals';
import { namesProblem } from './certificate-names.ts';

const servers = [
  { name: 'a', places: ['10.0.0.1', 'api.example', '127.0.0.1', '::1', 'fd00::1'] },
  { name: 'b', places: ['10.0.0.2'] },
];
const problem = (caller: string, ...names: string[]): string | undefined =>
  namesProblem({ names, caller, serviceCidr: '10.96.0.0/16, fd00:96::/112', servers });

describe('a node', () => {
  it('has names and addresses of its own', () => {
    expect(problem('10.0.0.9', 'n1', '10.0.0.9', 'fd00::9')).toBeUndefined();
    expect(problem('10.0.0.9', 'n1.kubernetes.example', '10.97.0.1')).toBeUndefined();
  });

  it.each([
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc.cluster.local',
    'localhost',
    'a.localhost',
    'web.default.svc',
  ])('is not called %s, on no machine', (name) => {
    for (const caller of ['10.0.0.9', '127.0.0.1', '10.0.0.1'])
      expect(problem(caller, name)).toContain("one of the cluster's own");
  });

  it.each([
    ['10.96.0.1', 'address of services'],
    ['::ffff:10.96.0.1', 'address of services'],
    ['fd00:96::1', 'address of services'],
    ['0.0.0.0', 'not the address of one machine'],
    ['::', 'not the address of one machine'],
    ['239.1.1.1', 'not the address of one machine'],
    ['ff02::1', 'not the address of one machine'],
    ['fe80::1%eth0', 'not the address of one machine'],
  ])('has no address %s, on no machine', (address, text) => {
    for (const caller of ['10.0.0.9', '127.0.0.1', '10.0.0.1']) {
      expect(problem(caller, 'n1', '10.0.0.9', address)).toContain(text);
      // A name may look like an address, and is one in the certificate.
      expect(problem(caller, address)).toContain(text);
    }
  });

  it.each(['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'])('has %s where the server sees it so', (address) => {
    expect(problem('10.0.0.9', 'n1', address)).toContain('an address of each machine itself');
    expect(problem('127.0.0.1', 'n1', address)).toBeUndefined();
    expect(problem('::ffff:127.0.0.1', 'n1', address)).toBeUndefined();
  });

  it.each(['a', 'api.example', '10.0.0.1', 'fd00::1', 'FD00:0::1', '::ffff:10.0.0.1'])(
    'has what is a server’s, %s, on the machine of that server alone',
    (name) => {
      for (const caller of ['10.0.0.9', '10.0.0.2', '::ffff:10.0.0.2'])
        expect(problem(caller, 'n1', name)).toContain('belongs to the server "a"');
      for (const caller of ['10.0.0.1', '::ffff:10.0.0.1', '127.0.0.1', 'fd00::1'])
        expect(problem(caller, name)).toBeUndefined();
    },
  );

  it('does not get what is a server’s by another server that claims it, too', () => {
    const names = ['n1', '10.0.0.2'];
    const claimed = [...servers, { name: 'made-up', places: ['10.0.0.9', '10.0.0.2'] }];
    const found = namesProblem({ names, caller: '10.0.0.9', serviceCidr: '10.96.0.0/16', servers: claimed });
    expect(found).toContain('belongs to the server "b"');
  });

  it('on a machine with a server is told how it gets its name when it comes by another address', () => {
    expect(problem('192.168.0.2', 'b', '10.0.0.2')).toBe(
      'b belongs to the server "b", and this request comes from another machine (192.168.0.2): choose another --node-name, or, ' +
        'on the machine of that server, join by its own address; if it is gone for good, ' +
        '`kubectl -n kube-system delete lease timonel-server-b` frees what it had',
    );
  });
});
