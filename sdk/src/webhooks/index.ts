/** Calls of webhooks: of conversion, of admission. */
export { WebhookConnections, type DialService, type WebhookService } from './agents.ts';
export { callWebhook, WebhookFailure, webhookUrl, type WebhookCall } from './call.ts';
