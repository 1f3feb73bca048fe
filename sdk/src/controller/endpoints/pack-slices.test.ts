import { describe, expect, it } from '@jest/globals';
import type { Endpoint, EndpointSlice } from '../../kube/index.ts';
import { packSlices, type EndpointGroup, type SliceContent } from './pack-slices.ts';
import type { SlicePort } from './service-pods.ts';

const limit = 100;
const families = ['IPv4'];
const port = (number: number): SlicePort => ({ name: '', port: number, protocol: 'TCP' });
const endpoint = (address: string, uid?: string): Endpoint => ({
  addresses: [address],
  ...(uid === undefined ? {} : { targetRef: { kind: 'VM', uid } }),
});

function group(number: number, ...endpoints: Endpoint[]): EndpointGroup {
  return { family: 'IPv4', ports: [port(number)], endpoints };
}

function sliceOf({ addressType, ports, endpoints }: SliceContent, index: number): EndpointSlice {
  return { metadata: { name: `s${index}` }, addressType, ports: [...ports], endpoints: [...endpoints] };
}

describe('packSlices', () => {
  it('keeps all addresses of one target', () => {
    const groups = [group(80, endpoint('10.0.0.1', 'vm'), endpoint('10.0.0.2', 'vm'))];
    const { create } = packSlices(groups, families, [], limit);
    expect(create.map(({ endpoints }) => endpoints.length)).toEqual([2]);
    const again = packSlices(groups, families, create.map(sliceOf), limit);
    expect([again.create.length, again.update.length, again.keep.length]).toEqual([0, 0, 1]);
  });

  it('looks at the ports of each slice once, however many ports there are', () => {
    const count = 300;
    const groups = Array.from({ length: count }, (_, index) => group(index + 1, endpoint('10.0.0.1')));
    let looks = 0;
    const slices = groups.map(({ family: addressType, ports, endpoints }, index) => {
      const slice = sliceOf({ addressType, ports, endpoints }, index);
      const { ports: own } = slice;
      return Object.defineProperty(slice, 'ports', { enumerable: true, get: () => ((looks += 1), own) });
    });
    const { keep } = packSlices(groups, families, slices, limit);
    expect(keep).toHaveLength(count);
    expect(looks).toBeLessThan(count * 5);
  });

  it('finds what slices can be used for all the same, without a look at all of them for each', () => {
    const count = 300;
    const content = (shift: number): EndpointGroup[] =>
      Array.from({ length: count }, (_, index) => group(index + 1 + shift, endpoint('10.0.0.1')));
    let looks = 0;
    const slices = content(0).map(({ family: addressType, ports, endpoints }, index) => {
      const slice = sliceOf({ addressType, ports, endpoints }, index);
      return Object.defineProperty(slice, 'endpoints', { enumerable: true, get: () => ((looks += 1), endpoints) });
    });
    const { update, create, remove } = packSlices(content(count), families, slices, limit);
    expect([update.length, create.length, remove.length]).toEqual([count, 0, 0]);
    expect(looks).toBeLessThan(count * 5);
  });
});
