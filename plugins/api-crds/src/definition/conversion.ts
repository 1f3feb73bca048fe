/** How the versions of a kind are converted into one another: `spec.conversion`. */
import type { Findings } from '@timonel/sdk/kube';
import { isJson, type Json } from '../schema/schema.ts';
import { listIn, objectIn, textIn } from './part.ts';

const path = 'spec.conversion';
const known = ['v1', 'v1beta1'];

function checkClient(client: Json, found: Findings): void {
  const at = `${path}.webhook.clientConfig`;
  const { url, service } = client;
  if ((typeof url === 'string') === isJson(service)) {
    found.required(at, 'exactly one of url or service is required');
    return;
  }
  if (typeof url === 'string') checkUrl(url, `${at}.url`, found);
  else {
    for (const name of ['namespace', 'name']) {
      if (textIn(service, name) === '') found.required(`${at}.service.${name}`, `service ${name} is required`);
    }
    const { port } = objectIn(client, 'service');
    if (typeof port === 'number' && (port < 1 || port > 65_535)) {
      found.invalid(`${at}.service.port`, port, 'port is not valid: must be between 1 and 65535, inclusive');
    }
  }
}

function checkUrl(text: string, at: string, found: Findings): void {
  const form = 'url must be a valid URL of the form: https://host/path';
  if (!URL.canParse(text)) {
    found.invalid(at, text, form);
    return;
  }
  const url = new URL(text);
  if (url.protocol !== 'https:') {
    found.invalid(
      at,
      url.protocol.slice(0, -1),
      `'https' is the only allowed URL scheme; desired format: https://host[/path]`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    found.invalid(at, url.username, 'user information is not permitted in the URL');
  }
  if (url.hash !== '') found.invalid(at, url.hash, 'fragments are not permitted in the URL');
  if (url.search !== '') found.invalid(at, url.search, 'query parameters are not permitted in the URL');
}

export function checkConversion(conversion: Json, found: Findings): void {
  const strategy = textIn(conversion, 'strategy');
  found.oneOf(`${path}.strategy`, strategy, ['None', 'Webhook'], 'required');
  const { webhook } = conversion;
  if (strategy !== 'Webhook') {
    if (isJson(webhook)) found.forbidden(`${path}.webhook`, 'should not be set when strategy is not set to Webhook');
    return;
  }
  if (!isJson(webhook) || !isJson(webhook['clientConfig'])) {
    found.required(`${path}.webhook.clientConfig`, 'required when strategy is set to Webhook');
  } else checkClient(webhook['clientConfig'], found);
  const versions = listIn(webhook, 'conversionReviewVersions');
  const at = `${path}.webhook.conversionReviewVersions`;
  if (versions.length === 0) found.required(at);
  else if (!versions.some((version) => typeof version === 'string' && known.includes(version))) {
    found.invalid(at, versions, `must include at least one of ${known.join(', ')}`);
  }
}
