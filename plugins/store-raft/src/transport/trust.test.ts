/** Who is let in, who is turned away, and certificates that change. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { rename, writeFile } from 'node:fs/promises';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '@timonel/testkit';
import type { Message } from '../raft/index.ts';
import { encodeHello } from './hello.ts';
import { makeAuthority, makeCertificate, writeCredentials, type MemberPem } from './testing/certificates.ts';
import { connected, Fixture, hostPort, logged, opened, type TestMember } from './testing/fixture.ts';

let fixture: Fixture;

beforeEach(async () => {
  fixture = await Fixture.open();
});
afterEach(async () => {
  await fixture.dispose();
});

const heartbeat: Message = { type: 'heartbeatRequest', from: 'b', to: 'a', term: 1, commit: 0, round: 1 };

function refusals({ log }: TestMember): number {
  return log.lines.filter(({ message }) => message.startsWith('refused')).length;
}

/** The client is turned away: `reason` in the log of the member, with the address. */
async function turnedAway(member: TestMember, pem: Partial<MemberPem>, reason: string): Promise<void> {
  const socket = fixture.client(member.address, pem);
  socket.write(encodeHello({ memberId: 'b', clusterId: undefined }));
  await until(() => socket.destroyed, { what: 'the connection to be closed' });
  await logged(member.log, reason);
  const line = member.log.lines.find(({ fields }) => String(fields['reason']).includes(reason));
  expect(line?.fields['address']).toBe('127.0.0.1');
}

describe('a listener lets in nobody but members', () => {
  it('refuses another authority, another organisation, an expired certificate, none, an older TLS and no TLS', async () => {
    const a = await fixture.member('a');
    const { authority } = fixture;
    await turnedAway(a, await makeCertificate(await makeAuthority(), { id: 'b' }), 'SELF_SIGNED_CERT_IN_CHAIN');
    await turnedAway(
      a,
      await makeCertificate(authority, { id: 'b', organisation: 'system:nodes' }),
      'organisation (O)',
    );
    await turnedAway(a, await makeCertificate(authority, { id: 'b', expired: true }), 'CERT_HAS_EXPIRED');
    await turnedAway(a, {}, 'PEER_DID_NOT_RETURN_A_CERTIFICATE');
    const { host, port } = hostPort(a.address);
    const pem = await makeCertificate(authority, { id: 'b' });
    const old = connectTls({ host, port, ...pem, maxVersion: 'TLSv1.2', rejectUnauthorized: false });
    old.on('error', () => undefined);
    await until(() => old.destroyed, { what: 'the connection to be closed' });
    await logged(a.log, 'UNSUPPORTED_PROTOCOL');
    const plain = connect(port, host);
    plain.on('error', () => undefined);
    plain.write('GET / HTTP/1.1\r\n\r\n');
    await until(() => plain.destroyed, { what: 'the connection to be closed' });
    await logged(a.log, 'ERR_SSL');
    expect(opened(a, 'incoming')).toBe(0);
    expect(refusals(a)).toBe(6);
  });

  it("refuses its own certificate, and a greeting that is not the certificate's", async () => {
    const a = await fixture.member('a');
    const own = fixture.client(a.address, await makeCertificate(fixture.authority, { id: 'a' }));
    await until(() => own.destroyed, { what: 'the connection to be closed' });
    await logged(a.log, "this member's own certificate");
    const liar = fixture.client(a.address, await makeCertificate(fixture.authority, { id: 'b' }));
    liar.write(encodeHello({ memberId: 'c', clusterId: undefined }));
    await logged(a.log, 'it says that it is member c, its certificate that it is b');
    liar.resume();
    await until(() => liar.destroyed, { what: 'the connection to be closed' });
    expect(opened(a, 'incoming')).toBe(0);
  });

  it('names an address once in a while, however often it knocks', async () => {
    const a = await fixture.member('a', { limits: { logEveryMs: 60_000 } });
    const stranger = await makeCertificate(await makeAuthority(), { id: 'b' });
    for (let at = 0; at < 5; at++) {
      const socket = fixture.client(a.address, stranger);
      await until(() => socket.destroyed, { what: 'the connection to be closed' });
    }
    await until(() => refusals(a) > 0, { what: 'a line in the log' });
    expect(refusals(a)).toBe(1);
  });

  it('does not keep those that say nothing, and not more of them than it has room for', async () => {
    const a = await fixture.member('a', { limits: { handshakeMs: 500, strangers: 3 } });
    const { host, port } = hostPort(a.address);
    const silent = Array.from({ length: 5 }, () => connect(port, host).on('error', () => undefined));
    const pem = await makeCertificate(fixture.authority, { id: 'b' });
    const member = fixture.client(a.address, pem);
    await once(member, 'secureConnect');
    await until(() => silent.every(({ destroyed }) => destroyed), { what: 'the silent ones to be gone' });
    // It has a certificate, but never says hello.
    member.resume();
    await until(() => member.destroyed, { what: 'the connection to be closed' });
    await logged(a.log, 'no greeting within 500 ms');
  });

  it('takes one connection of each member: a new one takes the place of the old', async () => {
    const a = await fixture.member('a');
    const pem = await makeCertificate(fixture.authority, { id: 'b' });
    const first = await fixture.greeted(a.address, 'b', pem);
    await connected(a, 'incoming', 1);
    const second = await fixture.greeted(a.address, 'b', pem);
    await connected(a, 'incoming', 2);
    await until(() => first.destroyed, { what: 'the first connection to be closed' });
    expect(second.destroyed).toBe(false);
    expect(a.transport.send({ ...heartbeat, from: 'a', to: 'b' })).toBe(true);
    const crowd = await fixture.member('x', { limits: { connections: 1 } });
    await fixture.greeted(crowd.address, 'b', pem);
    const surplus = fixture.client(crowd.address, await makeCertificate(fixture.authority, { id: 'c' }));
    await until(() => surplus.destroyed, { what: 'the second member to be refused' });
    await logged(crowd.log, 'no more are taken');
  });
});

describe('a member that is dialled', () => {
  it('has to be the one that was meant', async () => {
    const a = await fixture.member('a');
    const c = await fixture.member('c');
    a.transport.setPeers({ b: c.address });
    await logged(a.log, 'its common name (CN) is c, not b');
    const d = await fixture.member('d', { pem: await makeCertificate(await makeAuthority(), { id: 'd' }) });
    a.transport.setPeers({ d: d.address });
    await logged(a.log, 'self-signed certificate');
    expect(opened(a, 'outgoing')).toBe(0);
    expect(a.transport.send({ ...heartbeat, from: 'a', to: 'b' })).toBe(false);
  });

  it('has to be of the same cluster; both sides say so', async () => {
    const a = await fixture.member('a', { clusterId: 'one' });
    const b = await fixture.member('b', { clusterId: 'two' });
    a.transport.setPeers({ b: b.address });
    await logged(a.log, 'it belongs to the cluster two, this member to one');
    await logged(b.log, 'it belongs to the cluster one, this member to two');
    const c = await fixture.member('c');
    a.transport.setPeers({ c: c.address });
    await connected(a, 'outgoing', 1);
  });

  it('has to speak the same version', async () => {
    const a = await fixture.member('a');
    const socket = fixture.client(a.address, await makeCertificate(fixture.authority, { id: 'b' }));
    socket.resume();
    socket.write(encodeHello({ memberId: 'b', clusterId: undefined }, 2));
    await until(() => socket.destroyed, { what: 'the connection to be closed' });
    await logged(a.log, 'it speaks version 2, this member version 1');
  });
});

describe('certificates that change', () => {
  it('are used for new connections without a restart; broken ones are not', async () => {
    const [a, b] = (await fixture.group(['a', 'b'])) as [TestMember, TestMember];
    const before = opened(a, 'outgoing');
    const next = await makeAuthority();
    const [pemA, pemB] = [await makeCertificate(next, { id: 'a' }), await makeCertificate(next, { id: 'b' })];
    // Half of a change: the key of the one with the certificate of the other.
    const files = (await fixtureFiles('a')) as { keyFile: string };
    await writeFile(files.keyFile, pemB.key);
    await logged(a.log, 'no certificate with its key');
    await writeCredentials(fixture.directory, 'a', pemA);
    await writeCredentials(fixture.directory, 'b', pemB);
    for (const member of [a, b]) {
      await until(() => member.log.lines.some(({ message }) => message === 'uses its new certificate'), {
        what: `the new certificate of ${member.id}`,
      });
    }
    // What is connected stays connected.
    expect(a.transport.send({ ...heartbeat, from: 'a', to: 'b' })).toBe(true);
    expect(a.unreachable).toEqual([]);
    const proxy = await fixture.proxy(b.address);
    a.transport.setPeers({ b: proxy.address });
    await connected(a, 'outgoing', before + 1);
    await turnedAway(b, await makeCertificate(fixture.authority, { id: 'c' }), 'SELF_SIGNED_CERT_IN_CHAIN');
  });

  it('are not taken when they are those of another member', async () => {
    const a = await fixture.member('a');
    const stranger = await makeCertificate(fixture.authority, { id: 'b' });
    const staged = await writeCredentials(fixture.directory, 'staged', stranger);
    const files = await fixtureFiles('a');
    await rename(staged.keyFile, files.keyFile);
    await rename(staged.certFile, files.certFile);
    await logged(a.log, 'is not the certificate of member a');
    const b = await fixture.member('b', { pem: stranger });
    b.transport.setPeers({ a: a.address });
    await connected(a, 'incoming', 1);
  });
});

async function fixtureFiles(id: string): Promise<{ readonly keyFile: string; readonly certFile: string }> {
  return { keyFile: `${fixture.directory}/${id}.key`, certFile: `${fixture.directory}/${id}.crt` };
}
