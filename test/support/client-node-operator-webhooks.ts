/** The webhooks of the operator beside this file, as its author would write them: an HTTPS server with a path for each. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { AdmissionregistrationV1Api, V1ValidatingWebhook } from '@kubernetes/client-node';

export const group = 'operator.example.com';
/** What is deeper is refused. */
const longestChain = 100;

type Json = Record<string, unknown>;
interface Buoy extends Json {
  readonly apiVersion: string;
  readonly spec: Json;
}
interface Request {
  readonly uid: string;
  readonly object: Buoy;
  readonly desiredAPIVersion: string;
  readonly objects: readonly Buoy[];
}

/** v1 has `depth` in metres, v2 `sounding` in metres or fathoms. */
function converted(buoy: Buoy, apiVersion: string): Buoy {
  if (buoy.apiVersion === apiVersion) return buoy;
  const { depth, sounding, ...rest } = buoy.spec;
  if (apiVersion === `${group}/v2`) {
    return { ...buoy, apiVersion, spec: { ...rest, ...(depth !== undefined && { sounding: `${Number(depth)} m` }) } };
  }
  const [value, unit] = String(sounding).split(' ');
  const metres = Math.round(Number(value) * (unit === 'fathoms' ? 1.8288 : 1));
  return { ...buoy, apiVersion, spec: { ...rest, ...(sounding !== undefined && { depth: metres }) } };
}

const answers: Readonly<Record<string, (request: Request) => Json>> = {
  '/convert': ({ objects, desiredAPIVersion }) => ({
    result: { status: 'Success' },
    convertedObjects: objects.map((buoy) => converted(buoy, desiredAPIVersion)),
  }),
  '/mutate': ({ object }) => {
    if (object.spec['colour'] !== undefined) return { allowed: true };
    const patch = [{ op: 'add', path: '/spec/colour', value: 'red' }];
    return { allowed: true, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') };
  },
  '/validate': ({ object }) => {
    const { depth } = converted(object, `${group}/v1`).spec;
    if (Number(depth) <= longestChain) return { allowed: true };
    const message = `no chain is longer than ${longestChain} m`;
    return { allowed: false, status: { code: 422, reason: 'Invalid', message } };
  },
};

export interface Webhooks {
  readonly clientConfigOf: (path: string) => { url: string; caBundle: string };
  readonly close: () => void;
}

/** `directory`: tls.key, tls.crt and ca.crt, as a Secret of certificates has them. */
export async function serveWebhooks(directory: string): Promise<Webhooks> {
  const [key, cert, ca] = ['tls.key', 'tls.crt', 'ca.crt'].map((name) => readFileSync(join(directory, name)));
  const server: Server = createServer({ key, cert }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Json & { request: Request };
      const answer = answers[new URL(request.url ?? '/', 'https://webhook').pathname]?.(review.request);
      const { apiVersion, kind } = review;
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ apiVersion, kind, response: { uid: review.request.uid, ...answer } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    clientConfigOf: (path) => ({ url: `https://127.0.0.1:${port}${path}`, caBundle: (ca ?? '').toString('base64') }),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Has all writes of buoys asked about, of whichever version. */
export async function register(api: AdmissionregistrationV1Api, { clientConfigOf }: Webhooks): Promise<void> {
  const metadata = { name: 'buoys' };
  const rule = {
    operations: ['CREATE', 'UPDATE'],
    apiGroups: [group],
    apiVersions: ['v1', 'v2'],
    resources: ['buoys'],
  };
  const webhookOf = (name: string): V1ValidatingWebhook => ({
    name: `${name}.${group}`,
    clientConfig: clientConfigOf(`/${name}`),
    rules: [rule],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
  });
  await api.createMutatingWebhookConfiguration({ body: { metadata, webhooks: [webhookOf('mutate')] } });
  await api.createValidatingWebhookConfiguration({ body: { metadata, webhooks: [webhookOf('validate')] } });
}
