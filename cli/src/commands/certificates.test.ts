import { describe, expect, it } from '@jest/globals';
import { statusText, type CertificateStatus } from './certificates.ts';

const nowMs = Date.parse('2030-01-01T00:00:00Z');
const [old, fresh] = ['timonel-ca', 'timonel-ca@1'].map((commonName, index) => ({
  commonName,
  id: String(index),
  notBefore: '2026-01-01T00:00:00Z',
  notAfter: index === 0 ? '2030-01-11T00:00:00Z' : '2036-01-01T00:00:00Z',
})) as [CertificateStatus['signer'], CertificateStatus['signer']];

const status: CertificateStatus = {
  phase: 'stable',
  signer: old,
  replacedFrom: '2029-01-01T00:00:00Z',
  waitingFor: [],
  servers: [
    { name: 's1', away: false, certificates: [{ name: 'peer', issuer: '0', notAfter: '2029-12-31T00:00:00Z' }] },
  ],
  nodes: [{ name: 'n1', issuer: '', notAfter: '' }],
  nodeCount: 1,
};

describe('the status of certificates', () => {
  it('says which end when, and by whom they are', () => {
    const text = statusText(status, nowMs);
    expect(text).toContain(
      'Authority timonel-ca, good until 2030-01-11T00:00:00Z (10d), is replaced by itself from 2029',
    );
    expect(text).toMatch(/server s1 +peer +timonel-ca +2029-12-31T00:00:00Z \(expired\)/);
    expect(text).toMatch(/node n1 +node +not told/);
    expect(text).not.toContain('Waits');
    const { replacedFrom: _, ...byHand } = status;
    expect(statusText(byHand, nowMs)).toContain('by hand only');
  });

  it('says how far a replacement is, and who holds it up', () => {
    const since = '2029-12-01T00:00:00Z';
    const waitingFor = ['node n1 does not believe it yet'];
    const trusting = {
      ...status,
      phase: 'trust',
      since,
      reason: 'admin asked for it',
      next: fresh,
      waitingFor,
    } as const;
    expect(statusText(trusting, nowMs)).toMatch(
      /Since 2029-12-01T00:00:00Z timonel-ca@1 is believed beside it, .*\(admin asked for it\)\.\nWaits, since:\n {2}node n1/,
    );
    const issuing = { ...status, phase: 'issue', since, reason: 'x', signer: fresh, former: old } as const;
    expect(statusText(issuing, nowMs)).toContain('it signs in place of timonel-ca, which is believed beside it');
  });

  it('lists twenty nodes at most', () => {
    const nodes = Array.from({ length: 25 }, (_, index) => ({ ...status.nodes[0], name: `n${index}` })) as never;
    expect(statusText({ ...status, nodes, nodeCount: 25 }, nowMs)).toContain('and 5 nodes more');
  });
});
