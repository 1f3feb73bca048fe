/** A registry that takes uploads. */
import { buffer } from 'node:stream/consumers';
import { digestOf, type Bed, type FakeRegistry, type Handler } from './fake-registry.ts';

export interface Store {
  readonly registry: FakeRegistry;
  readonly blobs: Map<string, Buffer>;
  readonly calls: () => readonly string[];
}

/** Takes uploads as registries do; `first` may answer instead. */
export async function uploadStore(
  bed: Bed,
  first: (...args: Parameters<Handler>) => boolean = () => false,
): Promise<Store> {
  const blobs = new Map<string, Buffer>();
  let upload: Buffer[] = [];
  const registry: FakeRegistry = await bed.registry((request, response) => {
    if (first(request, response)) return;
    const { method, url = '' } = request;
    const { pathname, searchParams } = new URL(url, 'http://x');
    const [, named = ''] = /\/blobs\/(sha256:.*)$/.exec(pathname) ?? [];
    const location = (): string => `/up/1?_state=a%2Fb%3D&part=${upload.length}`;
    if (method === 'HEAD') response.writeHead(blobs.has(named) ? 200 : 404).end();
    else if (method === 'POST') {
      upload = [];
      response.writeHead(blobs.has(searchParams.get('mount') ?? '') ? 201 : 202, { location: location() }).end();
    } else {
      void buffer(request).then(
        (body) => {
          if (body.length > 0) upload.push(body);
          const whole = Buffer.concat(upload);
          const digest = searchParams.get('digest') ?? '';
          if (method === 'PATCH') response.writeHead(202, { location: location() }).end();
          else if (digest === digestOf(whole)) response.writeHead(blobs.set(digest, whole) && 201).end();
          else
            response
              .writeHead(method === 'DELETE' ? 204 : 400)
              .end('{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match"}]}');
        },
        () => undefined,
      );
    }
  });
  return {
    registry,
    blobs,
    calls: () => registry.requests.map(({ method, url }) => `${method} ${url.replace(/sha256(:|%3A)[0-9a-f]*/g, 'D')}`),
  };
}
