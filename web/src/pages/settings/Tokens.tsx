import { KeyRound, Plus } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { messageOf } from '../../api/client.ts';
import { change, queryClient, useTokens } from '../../api/queries.ts';
import type { CreatedToken, TokenView } from '../../api/wire.ts';
import { elapsed, useNow } from '../../lib/time.ts';
import { Button } from '../../ui/Button.tsx';
import { Question } from '../../ui/Dialog.tsx';
import { inputClass } from '../../ui/Field.tsx';
import { attempt } from '../../ui/toast.ts';
import { Secret } from './Secret.tsx';

const reload = () => queryClient.invalidateQueries({ queryKey: ['tokens'] });

/** Tokens let other devices and programs in; the secret is shown once. */
export function Tokens() {
  const tokens = useTokens();
  const [name, setName] = useState('');
  const [created, setCreated] = useState<CreatedToken | null>(null);
  const [revoking, setRevoking] = useState<TokenView | null>(null);

  async function create(event: FormEvent) {
    event.preventDefault();
    if (!name.trim()) return;
    await attempt('Could not make the token', async () => {
      setCreated(await change.createToken(name.trim()));
      setName('');
      await reload();
    });
  }

  async function revoke(token: TokenView) {
    setRevoking(null);
    await attempt('Could not revoke the token', async () => {
      await change.revokeToken(token.id);
      await reload();
    });
  }

  return (
    <div className="rounded-lg border border-line bg-surface">
      <form onSubmit={create} className="flex gap-2 border-b border-line p-3">
        <input
          aria-label="What the token is for"
          placeholder="What is it for? e.g. phone"
          value={name}
          onChange={(event) => setName(event.target.value)}
          className={`${inputClass} !h-7 coarse:!h-10`}
        />
        <Button type="submit" disabled={!name.trim()} icon={<Plus size={14} aria-hidden />}>
          Make a token
        </Button>
      </form>
      {created && <Secret name={created.token.name} secret={created.secret} />}
      {tokens.isError && <p className="p-3 text-failed">{messageOf(tokens.error)}</p>}
      {tokens.data?.length === 0 && <p className="p-3 text-ink-3">There are no tokens.</p>}
      <ul className="divide-y divide-line">
        {tokens.data?.map((token) => (
          <Row key={token.id} token={token} onRevoke={() => setRevoking(token)} />
        ))}
      </ul>
      <Question
        open={revoking !== null}
        onClose={() => setRevoking(null)}
        title={`Revoke “${revoking?.name}”?`}
        actions={
          <>
            <Button onClick={() => setRevoking(null)}>Cancel</Button>
            <Button tone="danger" onClick={() => revoking && void revoke(revoking)}>
              Revoke
            </Button>
          </>
        }
      >
        <p>Whoever uses it is let in no more. Sessions are not touched.</p>
      </Question>
    </div>
  );
}

function Row({ token, onRevoke }: { token: TokenView; onRevoke: () => void }) {
  const now = useNow();
  return (
    <li className="flex items-center gap-3 px-3 py-2">
      <KeyRound size={14} aria-hidden className="shrink-0 text-ink-3" />
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium">{token.name}</p>
        <p className="text-sm text-ink-2">
          Made {elapsed(token.createdAt, now)} ago,{' '}
          {token.lastUsedAt ? `used ${elapsed(token.lastUsedAt, now)} ago` : 'never used'}
        </p>
      </div>
      <Button onClick={onRevoke} aria-label={`Revoke ${token.name}`}>
        Revoke
      </Button>
    </li>
  );
}
