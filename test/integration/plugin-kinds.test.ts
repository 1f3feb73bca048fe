/** A kind that a plugin of one file adds, while the server runs. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import lighthouses from '../../examples/plugins/kind-lighthouses.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
const path = '/apis/coast.example.com/v1/namespaces/default/lighthouses';

beforeAll(async () => {
  server = await startApiServer({ available: [lighthouses] });
});
afterAll(async () => {
  await server.stop();
});

describe('the example of a kind', () => {
  it('is served as long as its plugin runs', async () => {
    expect((await server.send('GET', path)).status).toBe(404);
    await server.kernel.control.enable('kind-lighthouses');
    const created = await server.send('POST', path, { body: { metadata: { name: 'a' }, spec: { range: 20 } } });
    expect(created).toMatchObject({ status: 201, body: { kind: 'Lighthouse', spec: { range: 20, color: 'white' } } });
    const wrong = await server.send('POST', path, {
      body: { metadata: { name: 'b' }, spec: { range: 99, color: 'blue' } },
    });
    expect(wrong.body.message).toContain('spec.range: Invalid value: 99: must be between 1 and 60');
    expect(wrong.body.message).toContain('supported values: "white", "red", "green"');
    const strict = await server.send('POST', `${path}?fieldValidation=Strict`, {
      body: { metadata: { name: 'b', odd: 1 }, spec: { range: 1, high: true } },
    });
    expect(strict.body.message).toContain('unknown field "metadata.odd", unknown field "spec.high"');
    const type = 'application/merge-patch+json';
    const lit = await server.send('PATCH', `${path}/a/status`, { type, body: { status: { lit: true } } });
    expect(lit.body.status).toEqual({ lit: true });
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const table = await server.send('GET', path, { headers: { accept } });
    expect(table.body.rows[0].cells).toEqual(['a', 20, true]);
    const openApi = await server.send('GET', '/openapi/v3/apis/coast.example.com/v1');
    expect(openApi.body.components.schemas).toHaveProperty(['com.example.coast.v1.Lighthouse']);
    await server.kernel.control.disable('kind-lighthouses');
    expect((await server.send('GET', path)).status).toBe(404);
    await server.kernel.control.enable('kind-lighthouses');
    expect((await server.send('GET', `${path}/a`)).body.status).toEqual({ lit: true });
  });
});
