/** Who is told outside when agents wait, finish or fail: Slack per repository, and webhooks. */
import { useQuery } from '@tanstack/react-query';
import { call, Failure } from './client.ts';
import { queryClient } from './queries.ts';
import type {
  CreatedWebhook,
  NotificationStatus,
  SlackIntegration,
  Webhook,
  WebhookEvent,
} from './wire.ts';

const slackAt = (repositoryId: string) => `/api/repositories/${repositoryId}/integrations/slack`;

/** Slack of a repository; null when it has none. */
export function useSlack(repositoryId: string) {
  return useQuery({
    queryKey: ['slack', repositoryId],
    queryFn: async ({ signal }) => {
      try {
        return await call<SlackIntegration>('GET', slackAt(repositoryId), { signal });
      } catch (err) {
        if (err instanceof Failure && err.problem.status === 404) return null;
        throw err;
      }
    },
  });
}

export function useWebhooks() {
  return useQuery({
    queryKey: ['webhooks'],
    queryFn: async ({ signal }) =>
      (await call<{ webhooks: Webhook[] }>('GET', '/api/webhooks', { signal })).webhooks,
  });
}

/** Whether notifications can link to sessions. */
export function useNotificationStatus() {
  return useQuery({
    queryKey: ['notification-status'],
    queryFn: ({ signal }) =>
      call<NotificationStatus>('GET', '/api/settings/notifications/status', { signal }),
  });
}

const reload = (...key: string[]) => queryClient.invalidateQueries({ queryKey: key });

export const notify = {
  putSlack: async (repositoryId: string, webhookUrl: string, enabled: boolean) => {
    await call<unknown>('PUT', slackAt(repositoryId), { body: { webhookUrl, enabled } });
    await reload('slack', repositoryId);
  },
  deleteSlack: async (repositoryId: string) => {
    await call<unknown>('DELETE', slackAt(repositoryId));
    await reload('slack', repositoryId);
  },
  testSlack: (repositoryId: string) => call<unknown>('POST', `${slackAt(repositoryId)}/test`),
  createWebhook: async (url: string, events: WebhookEvent[]) => {
    const created = await call<CreatedWebhook>('POST', '/api/webhooks', { body: { url, events } });
    await reload('webhooks');
    return created;
  },
  enableWebhook: async (id: string, enabled: boolean) => {
    await call<unknown>('PATCH', `/api/webhooks/${id}`, { body: { enabled } });
    await reload('webhooks');
  },
  deleteWebhook: async (id: string) => {
    await call<unknown>('DELETE', `/api/webhooks/${id}`);
    await reload('webhooks');
  },
  testWebhook: (id: string) => call<unknown>('POST', `/api/webhooks/${id}/test`),
};
