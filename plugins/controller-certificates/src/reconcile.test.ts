import { describe, expect, it } from '@jest/globals';
import type { CertificateSigningRequest } from '@timonel/sdk/kube';
import { explain, reconcile, type Step } from './reconcile.ts';

const made = '2026-01-01T00:00:00Z';
const startMs = Date.parse(made);
const hourMs = 3_600_000;
const wait: Step = { step: 'wait' };

function request(status?: CertificateSigningRequest['status']): CertificateSigningRequest {
  return {
    metadata: { name: 'r', creationTimestamp: made },
    spec: { request: '', signerName: 's' },
    ...(status === undefined ? {} : { status }),
  };
}
const condition = (type: string) => ({ type, status: 'True' as const, lastUpdateTime: made });
const after = (ms: number, status?: CertificateSigningRequest['status'], next: Step = wait) =>
  reconcile({ subject: request(status), nowMs: startMs + ms, timestamp: made, next });

describe('reconcile', () => {
  it.each<[string, CertificateSigningRequest['status'], number]>([
    ['nobody has looked at', undefined, 24 * hourMs],
    ['was denied', { conditions: [condition('Denied')] }, hourMs],
    ['failed', { conditions: [condition('Approved'), condition('Failed')] }, hourMs],
    ['was answered', { conditions: [condition('Approved')], certificate: 'x' }, hourMs],
  ])('a request that %s goes in time', (_, status, keptMs) => {
    expect(after(keptMs - 1, status)).toEqual({ actions: [], requeueAfterMs: 1 });
    expect(after(keptMs, status).actions).toMatchObject([{ do: 'delete' }]);
  });

  it('one that is approved and waits for its signer stays', () => {
    expect(after(1000 * hourMs, { conditions: [condition('Approved')] })).toEqual({ actions: [] });
  });

  it('writes what is next where it belongs, and keeps what is there', () => {
    const status = { conditions: [condition('Ready')] };
    const [approved] = after(0, status, { step: 'approve', message: 'm' }).actions;
    expect(approved).toMatchObject({
      do: 'patch',
      subresource: 'approval',
      patch: { body: { status: { conditions: [condition('Ready'), { type: 'Approved', reason: 'AutoApproved' }] } } },
    });
    const [issued] = after(0, status, { step: 'issue', certificatePem: 'PEM' }).actions;
    expect(issued).toMatchObject({ subresource: 'status', patch: { body: { status: { certificate: 'UEVN' } } } });
    const [failed] = after(0, status, { step: 'fail', message: 'why' }).actions;
    expect(failed).toMatchObject({
      subresource: 'status',
      patch: { body: { status: { conditions: [condition('Ready'), { type: 'Failed', message: 'why' }] } } },
    });
  });

  it('says what a request waits for', () => {
    const seen = (status?: CertificateSigningRequest['status']) =>
      explain({ subject: request(status), nowMs: startMs, timestamp: made, next: wait });
    expect(seen()).toMatchObject([{ code: 'NotApproved', text: expect.stringContaining('approve r') }]);
    expect(seen({ conditions: [condition('Denied')] })).toEqual([]);
  });
});
