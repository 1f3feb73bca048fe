/** TLS, HTTP/2, WebSocket and gRPC through a real haproxy, by the clients that people use. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connect as connectTls, type PeerCertificate } from 'node:tls';
import { createRealEnv } from '@timonel/core';
import { issueIdentity, makeAuthority } from '@timonel/sdk/pki';
import * as grpc from '@grpc/grpc-js';
import { WebSocket, WebSocketServer } from 'ws';
import type { Certificate } from '../routing/model.ts';
import { routeTo, startBed, startPod, upstreamsOf, type Bed, type Pod } from '../testing/bed.ts';
import { freePort } from '@timonel/testkit/free-port';

const env = createRealEnv();

async function certificateOf(...names: string[]): Promise<Certificate> {
  const authority = await makeAuthority(env);
  const profile = { commonName: names[0] ?? '', names, usages: ['server'] as const };
  const { certificatePem, keyPem } = await issueIdentity(env, authority, profile);
  return { pem: `${certificatePem}\n${keyPem}`, hosts: names };
}

function peerOf(port: number, servername: string): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: '127.0.0.1', servername, rejectUnauthorized: false });
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

function curl(...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('curl', ['-sk', '--max-time', '5', ...args], (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
  });
}

describe('clients of haproxy', () => {
  let bed: Bed;
  let pod: Pod;
  let securePort: number;

  beforeAll(async () => {
    bed = await startBed();
    pod = await startPod('one');
    securePort = await freePort();
  });
  afterAll(async () => {
    await bed[Symbol.asyncDispose]();
    await pod[Symbol.asyncDispose]();
  });

  const both = (
    certificates: readonly Certificate[],
  ): { port: number; tls: boolean; certificates: readonly Certificate[] }[] => [
    { port: bed.port, tls: false, certificates: [] },
    { port: securePort, tls: true, certificates },
  ];
  const route = (upstream: string): ReturnType<typeof routeTo> =>
    routeTo(bed.port, upstream, { ports: [bed.port, securePort] });

  it('are shown the certificate of their server name, also after it changed, and HTTP/2 when they can', async () => {
    const certificates = [await certificateOf('a.example.com'), await certificateOf('*.wild.test')];
    const upstreams = upstreamsOf({ one: [pod] });
    await bed.serve({ routes: [route('one')], upstreams, listeners: both(certificates) });
    const first = await peerOf(securePort, 'a.example.com');
    expect(first.subject.CN).toBe('a.example.com');
    expect((await peerOf(securePort, 'x.wild.test')).subject.CN).toBe('*.wild.test');
    await expect(peerOf(securePort, 'other.test')).rejects.toThrow();

    const resolve = ['--resolve', `a.example.com:${securePort}:127.0.0.1`, `https://a.example.com:${securePort}/x`];
    expect(await curl('-o', '/dev/null', '-w', '%{http_version} %{http_code}', ...resolve)).toBe('2 200');
    expect(JSON.parse(await curl('--http1.1', ...resolve))).toMatchObject({
      headers: { 'x-forwarded-proto': 'https' },
    });

    // A client that goes on through the change loses nothing.
    const session = connectHttp2(`https://127.0.0.1:${securePort}`, {
      servername: 'a.example.com',
      rejectUnauthorized: false,
    });
    const statusOf = (): Promise<unknown> =>
      new Promise((done, fail) => {
        const stream = session.request({ ':path': '/', ':authority': 'a.example.com' });
        stream.on('response', (headers) => done(headers[':status'])).on('error', fail);
        stream.resume().end();
      });
    expect(await statusOf()).toBe(200);
    await bed.serve({ routes: [route('one')], upstreams, listeners: both([await certificateOf('a.example.com')]) });
    const second = await peerOf(securePort, 'a.example.com');
    expect(second.fingerprint256).not.toBe(first.fingerprint256);
    session.destroy();

    await bed.serve({
      routes: [route('one')],
      upstreams,
      listeners: both([]),
      defaultCertificate: certificates[1]?.pem ?? '',
    });
    expect((await peerOf(securePort, 'other.test')).subject.CN).toBe('*.wild.test');
  });

  it('keep WebSockets when the configuration changes', async () => {
    const server = createServer();
    new WebSocketServer({ server }).on('connection', (socket) =>
      socket.on('message', (data) => socket.send(`echo ${(data as Buffer).toString()}`)),
    );
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const upstreams = upstreamsOf({ ws: [{ address: '127.0.0.1', port }] });
    await bed.serve({ routes: [route('ws')], upstreams });
    const socket = new WebSocket(`ws://127.0.0.1:${bed.port}/`);
    const echo = (text: string): Promise<string> =>
      new Promise((resolve, reject) => {
        socket
          .once('message', (data) => resolve((data as Buffer).toString()))
          .once('close', () => reject(new Error('closed')));
        socket.send(text);
      });
    await new Promise((resolve) => socket.once('open', resolve));
    expect(await echo('1')).toBe('echo 1');
    await bed.serve({ routes: [route('ws'), route('ws')], upstreams });
    await bed.serve({ routes: [route('ws')], upstreams: upstreamsOf({ ws: [] }) });
    expect(await echo('2')).toBe('echo 2');
    socket.terminate();
    await new Promise((resolve) => server.close(resolve));
  });

  it('reach pods of gRPC by HTTP/2, with trailers', async () => {
    const server = new grpc.Server();
    const serialize = (value: Buffer): Buffer => value;
    const definition: grpc.ServiceDefinition = {
      Say: {
        path: '/t.T/Say',
        requestStream: false,
        responseStream: false,
        requestSerialize: serialize,
        requestDeserialize: serialize,
        responseSerialize: serialize,
        responseDeserialize: serialize,
      },
    };
    server.addService(definition, {
      Say: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
        if (call.request.toString() === 'fail') done({ code: grpc.status.NOT_FOUND, details: 'no such thing' });
        else done(null, Buffer.from(`said ${call.request.toString()}`));
      },
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    await bed.serve({
      routes: [route('grpc')],
      upstreams: upstreamsOf({ grpc: [{ address: '127.0.0.1', port }] }, 'h2c'),
    });
    const client = new grpc.Client(`127.0.0.1:${bed.port}`, grpc.credentials.createInsecure());
    const say = (text: string): Promise<string> =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest('/t.T/Say', serialize, serialize, Buffer.from(text), (error, answer) =>
          error ? reject(error) : resolve(String(answer)),
        );
      });
    expect(await say('hello')).toBe('said hello');
    await expect(say('fail')).rejects.toMatchObject({ code: grpc.status.NOT_FOUND, details: 'no such thing' });
    client.close();
    server.forceShutdown();
  });
});
