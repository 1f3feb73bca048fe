import { describe, expect, it } from '@jest/globals';
import { openMetrics } from '@timonel/sdk';
import type { Engine } from './haproxy/engine.ts';
import { ingressMetrics } from './metrics.ts';
import { TrafficMetrics } from './traffic-metrics.ts';

describe('metrics of the traffic', () => {
  it('go on to count when haproxy begins anew with a reload', async () => {
    let reloads = 1;
    let answers = 5;
    const engine = {
      get status() {
        return { running: true, reloads, lastError: undefined };
      },
      statistics: async () => [
        { pxname: 'port-80', svname: 'FRONTEND', scur: '3' },
        { pxname: 'pods-x', svname: 'BACKEND', upstream: 'default/web:80', hrsp_2xx: String(answers), wretr: '0' },
        { pxname: 'status-404', svname: 'BACKEND', hrsp_4xx: '1' },
      ],
    } as unknown as Engine;
    const { instruments, collect } = openMetrics(ingressMetrics);
    const traffic = new TrafficMetrics(engine, instruments);
    const shown = (): string => JSON.stringify(collect());
    await traffic.read();
    answers = 7;
    await traffic.read();
    reloads = 2;
    answers = 4;
    await traffic.read();
    const samples = collect().flatMap((family) => JSON.stringify(family));
    const requests = samples.find((text) => text.includes('requests_total')) ?? '';
    expect(requests).toMatch(/default\/web:80.*2xx.*11/);
    expect(shown()).toMatch(/ingress_connections.*80.*3/);
  });
});
