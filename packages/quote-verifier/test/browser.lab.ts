import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { corpus, programsMissing } from '@sekimori/testkit';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outcomesOf, type QuoteCase } from './browser-cases.ts';
import { check, make } from './browser-operations.ts';
import type { page as offered } from './browser-page.ts';
import { recordedQuotes, softwareTpmQuotes, trusteeQuote } from './browser-quotes.ts';
import { bundle } from './bundle.ts';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
/** Three EC keys of 10 checks each and two RSA keys of 21. */
const CHECKS = 72;
const recordings = corpus('lab-ovmf');
if (!recordings) console.warn('skipped: the corpus is not here; SEKIMORI_CORPUS names its folder');
const trustee = corpus('confidential-containers+trustee/deps/verifier/test_data/tpm_evidence.json');

// Node with its own provider and a page in Chromium with the portable one, over the same quotes.
describe.skipIf(programsMissing(CHROMIUM))('in headless Chromium', () => {
  let server: Server;
  let browser: Browser;
  let page: Page;
  let origin: string;
  const asked: string[] = [];
  const errors: string[] = [];

  beforeAll(async () => {
    const { code } = await bundle(`export * from './browser-page.ts';`);
    server = createServer((request, response) => {
      const isScript = request.url === '/page.js';
      response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
      response.end(
        isScript
          ? code
          : '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>',
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
      ],
    });
    page = await browser.newPage();
    page.on('request', (request) => asked.push(request.url()));
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(origin);
    await page.waitForFunction('globalThis.page');
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  /** What both say of each quote, as it is and with a bit changed. */
  async function sameInBoth(quotes: readonly QuoteCase[]): Promise<void> {
    const inChromium = await page.evaluate((cases) => Reflect.get(globalThis, 'page').outcomes(cases), quotes);
    const inNode = quotes.map((quote) => outcomesOf(nodeCrypto, quote));
    expect(inNode.map(([asItIs]) => asItIs?.says)).toEqual(quotes.map(({ expected }) => expected));
    // A key with another attribute may do as well where its qualified name is given; of all else no bit may differ.
    const taken = inNode.flat().filter(({ changed, says }) => changed && changed !== 'attestationKey' && says === 'ok');
    expect(taken.map(({ name }) => name)).toEqual([]);
    expect(inChromium).toEqual(inNode);
  }

  it('is a page that has WebCrypto, and asked for nothing but its script', async () => {
    expect(await page.evaluate(() => ({ secure: isSecureContext, node: 'process' in globalThis }))).toEqual({
      secure: true,
      node: false,
    });
    expect(asked.filter((url) => !url.startsWith('data:'))).toEqual([origin, `${origin}page.js`]);
    expect(errors).toEqual([]);
  });
  it('verifies the quotes of a software TPM, and refuses them with a bit changed', async () => {
    const quotes = await softwareTpmQuotes();
    expect(quotes.length).toBe(6);
    await sameInBoth(quotes);
  });
  it.skipIf(!recordings)('verifies the recorded boots of the lab, and refuses them with a bit changed', async () => {
    await sameInBoth(recordedQuotes(recordings!));
  });
  it.skipIf(!trustee)('says of evidence of another project what Node says', async () => {
    await sameInBoth([trusteeQuote(trustee!)]);
  });
  it('makes keys, signatures and ciphertexts that Node takes', async () => {
    const made = await page.evaluate(() => (Reflect.get(globalThis, 'page') as typeof offered).make());
    expect(await check(nodeCrypto, made)).toEqual({ checks: CHECKS, failed: [] });
  });
  it('takes what Node makes', async () => {
    const made = await make(nodeCrypto);
    const checked = await page.evaluate(
      (each) => (Reflect.get(globalThis, 'page') as typeof offered).check(each),
      made,
    );
    expect(checked).toEqual({ checks: CHECKS, failed: [] });
  });
});
