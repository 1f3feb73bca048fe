/** What claims, their templates and device classes say about devices. */
import { dnsLabelProblems, dnsSubdomainProblems } from '@timonel/sdk/kube';
import { child, fill, items, type Json } from '../defaults.ts';
import { canonicalizeQuantities } from '../quantity/canonical.ts';
import type { Part } from '../validation/part.ts';

const listLimit = 32;
const choicesLimit = 8;

function defaultRequest(request: Json | undefined): void {
  if (request === undefined) return;
  fill(request, { allocationMode: 'ExactCount' });
  if (request['allocationMode'] === 'ExactCount') fill(request, { count: 1 });
  for (const toleration of items(request, 'tolerations')) fill(toleration, { operator: 'Equal' });
  canonicalizeQuantities(child(request, 'capacity')?.['requests']);
}

/** `spec.devices` of a claim. */
export function defaultDevices(devices: Json | undefined): void {
  for (const request of items(devices, 'requests')) {
    defaultRequest(child(request, 'exactly'));
    for (const choice of items(request, 'firstAvailable')) defaultRequest(choice);
  }
}

export function checkSelectors(holder: Part): void {
  if (holder.list('selectors').length > listLimit) holder.found.tooLong(holder.pathOf('selectors'), listLimit);
  for (const selector of holder.list('selectors')) {
    if (!selector.at('cel').present) selector.missing('cel');
    else if (!selector.at('cel').has('expression')) selector.at('cel').missing('expression');
  }
}

export function checkConfigurations(holder: Part): void {
  if (holder.list('config').length > listLimit) holder.found.tooLong(holder.pathOf('config'), listLimit);
  for (const configuration of holder.list('config')) {
    const opaque = configuration.at('opaque');
    if (!opaque.present) configuration.found.required(configuration.path, 'exactly one field must be specified');
    else {
      opaque.named('driver', dnsSubdomainProblems, 'required');
      if (!opaque.has('parameters')) opaque.missing('parameters');
    }
  }
}

function checkRequest(request: Part): void {
  request.named('deviceClassName', dnsSubdomainProblems, 'required');
  request.oneOf('allocationMode', ['All', 'ExactCount']);
  const count = request.number('count') ?? 0;
  if (request.text('allocationMode') === 'ExactCount' && count <= 0)
    request.invalid('count', 'must be greater than zero');
  if (request.text('allocationMode') === 'All' && count !== 0)
    request.invalid('count', "must not be specified when allocationMode is 'All'");
  checkSelectors(request);
}

export function checkDevices(devices: Part): void {
  if (devices.list('requests').length > listLimit) devices.found.tooLong(devices.pathOf('requests'), listLimit);
  devices.distinct('requests', 'name');
  for (const request of devices.list('requests')) {
    request.named('name', dnsLabelProblems, 'required');
    const choices = request.list('firstAvailable');
    if (request.at('exactly').present === choices.length > 0)
      request.found.required(request.path, 'exactly one of `exactly` or `firstAvailable` is required');
    if (choices.length > choicesLimit) request.found.tooLong(request.pathOf('firstAvailable'), choicesLimit);
    if (request.at('exactly').present) checkRequest(request.at('exactly'));
    for (const choice of choices) {
      choice.named('name', dnsLabelProblems, 'required');
      checkRequest(choice);
    }
  }
  checkConfigurations(devices);
}
