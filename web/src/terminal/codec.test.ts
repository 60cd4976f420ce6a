import { expect, test } from 'vitest';
import {
  decode,
  encodeAck,
  encodeClaim,
  encodeHello,
  encodeHistory,
  encodeInput,
  encodeResize,
  encodeResync,
  FrameError,
} from './codec.ts';

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function bytes(text: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex')).buffer;
}

test('client frames have the fixed bytes of the protocol', () => {
  expect(hex(encodeInput(1, new Uint8Array([0x61])))).toBe('02010000000000000061');
  expect(hex(encodeAck(258))).toBe('030201000000000000');
  expect(hex(encodeResize({ cols: 80, rows: 24 }))).toBe('0450001800');
  expect(hex(encodeClaim())).toBe('05');
  expect(hex(encodeHistory(1, 2, 3))).toBe('060100000002000000000000000300');
  expect(hex(encodeResync())).toBe('07');
  const hello = encodeHello({
    client: '18446744073709551615',
    mode: 'live',
    resume: { epoch: 3, offset: 2 ** 40 },
  });
  expect(hello[0]).toBe(1);
  expect(JSON.parse(Buffer.from(hello.subarray(1)).toString())).toEqual({
    client: '18446744073709551615',
    mode: 'live',
    resume: { epoch: 3, offset: 1099511627776 },
  });
});

test('server frames are read', () => {
  expect(decode(bytes('82 0201000000000000 7a'))).toEqual({
    type: 'output',
    offset: 258,
    bytes: new Uint8Array([0x7a]),
  });
  expect(
    decode(bytes('81 01000000 0200000000000000 5000 1800 0300000000000000 0400000000000000 c3a9')),
  ).toEqual({
    type: 'snapshot',
    epoch: 1,
    offset: 2,
    size: { cols: 80, rows: 24 },
    skipped: 3,
    firstLine: 4,
    bytes: new Uint8Array([0xc3, 0xa9]),
  });
  expect(decode(bytes('84 5000 1800 01'))).toEqual({
    type: 'size',
    size: { cols: 80, rows: 24 },
    owner: true,
  });
  expect(decode(bytes('85 0100000000000000 02'))).toEqual({
    type: 'input-ack',
    seq: 1,
    result: 'full',
  });
  const exit = Buffer.from('{"code":7}').toString('hex');
  expect(decode(bytes(`87 0800000000000000 ${exit}`))).toEqual({
    type: 'exit',
    offset: 8,
    exit: { code: 7 },
  });
  expect(decode(bytes('88 0100000000000000 0200000000000000'))).toEqual({
    type: 'gap',
    from: 1,
    to: 2,
  });
});

test('frames that cannot be read are refused', () => {
  for (const frame of ['', '00', 'ff', '82 01', '84 5000', '85 0100000000000000 09']) {
    expect(() => decode(bytes(frame)), frame).toThrow(FrameError);
  }
});
