import {
  createCipheriv,
  createHmac,
  diffieHellman,
  generateKeyPairSync,
  hash,
  hkdfSync,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';

// Single operations of node:crypto as a base calls them: keys imported and data ready.

const RAW = 'ieee-p1363';

/** ECDSA P-256 with SHA-256 over so many bytes. */
export function bareVerify(bytes: number): () => unknown {
  const { publicKey, privateKey } = p256();
  const data = randomBytes(bytes);
  const signature = sign('sha256', data, { key: privateKey, dsaEncoding: RAW });
  return () => verify('sha256', data, { key: publicKey, dsaEncoding: RAW }, signature);
}

/** ECDSA P-256 with SHA-256 over so many bytes. */
export function bareSign(bytes: number): () => unknown {
  const { privateKey } = p256();
  const data = randomBytes(bytes);
  return () => sign('sha256', data, { key: privateKey, dsaEncoding: RAW });
}

/** P-256 with a key that stays. */
export function bareAgree(): () => unknown {
  const { privateKey } = p256();
  const { publicKey } = p256();
  return () => diffieHellman({ privateKey, publicKey });
}

/** P-256 with a key made for it. */
export function bareAgreeEphemeral(): () => unknown {
  const { publicKey } = p256();
  return () => diffieHellman({ privateKey: p256().privateKey, publicKey });
}

export function bareHashes(inputs: readonly (readonly [name: string, data: Uint8Array])[]): () => unknown {
  return () => {
    for (const [name, data] of inputs) hash(name, data, 'buffer');
  };
}

/** HKDF-SHA256 of 32 bytes out of 32. */
export function bareHkdf(): () => unknown {
  const [key, info, salt] = [randomBytes(32), randomBytes(128), new Uint8Array(0)];
  return () => hkdfSync('sha256', key, salt, info, 32);
}

/** HMAC-SHA256 over so many bytes. */
export function bareHmac(bytes: number): () => unknown {
  const [key, data] = [randomBytes(32), randomBytes(bytes)];
  return () => createHmac('sha256', key).update(data).digest();
}

/** AES-256-GCM over so many bytes; opening costs the same. */
export function bareGcm(bytes: number): () => unknown {
  const [key, nonce, data] = [randomBytes(32), randomBytes(12), randomBytes(bytes)];
  return () => {
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    cipher.update(data);
    cipher.final();
    return cipher.getAuthTag();
  };
}

export function inTurn(...operations: readonly (readonly [times: number, operation: () => unknown])[]): () => unknown {
  return () => {
    for (const [times, operation] of operations) for (let done = 0; done < times; done++) operation();
  };
}

function p256() {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
}
