// Gives ships the berth that the ConfigMap names, which it reads from the API; refuses those that are too heavy.
const { readFileSync } = require('node:fs');
const https = require('node:https');

const { NAMESPACE, RELEASE, HEAVIEST } = process.env;
const keys = (name) => readFileSync(`/keys/${name}`);

function berth() {
  const [token, ca] = ['token', 'ca.crt'].map((name) => readFileSync(`/access/${name}`, 'utf8'));
  const path = `/api/v1/namespaces/${NAMESPACE}/configmaps/${RELEASE}-berths`;
  const options = { host: 'kubernetes.default.svc', path, ca, headers: { authorization: `Bearer ${token}` } };
  return new Promise((resolve, reject) => {
    const asked = https.get(options, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text).data.berth);
        else reject(new Error(text));
      });
    });
    asked.on('error', reject);
  });
}

async function mutate({ object }) {
  if (object.spec.berth !== undefined) return { allowed: true };
  const patch = [{ op: 'add', path: '/spec/berth', value: await berth() }];
  return { allowed: true, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') };
}

function validate({ object }) {
  if (object.spec.tonnage <= Number(HEAVIEST)) return { allowed: true };
  return { allowed: false, status: { message: `no ship is heavier than ${HEAVIEST}` } };
}

const answers = { '/mutate': mutate, '/validate': validate };
async function answer(request, response) {
  try {
    let text = '';
    for await (const chunk of request) text += chunk;
    const review = answers[request.url.split('?')[0]];
    if (review === undefined) {
      response.writeHead(200).end('ready');
      return;
    }
    const { apiVersion, kind, request: asked } = JSON.parse(text);
    const body = { apiVersion, kind, response: { uid: asked.uid, ...(await review(asked)) } };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  } catch (error) {
    console.error(error);
    response.writeHead(500).end(String(error.message));
  }
}

const server = https.createServer({ key: keys('tls.key'), cert: keys('tls.crt') }, (request, response) => {
  void answer(request, response);
});
server.listen(8443);
process.on('SIGTERM', () => process.exit());
