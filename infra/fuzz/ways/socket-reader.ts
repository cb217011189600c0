/** What a gateway sends over a WebSocket, and what is wrong with it. */
export interface SocketReading {
  /** What came as text, each message whole. */
  messages: string[];
  /** Of a close frame; undefined when there was none. */
  closeCode?: number;
  flaws: string[];
}

const longest = 126;

/** Takes apart everything that has come after the upgrade. */
export function readFrames(bytes: Buffer): SocketReading {
  const reading: SocketReading = { messages: [], flaws: [] };
  let message: Buffer[] = [];
  let at = 0;
  while (at + 2 <= bytes.length) {
    const first = bytes.readUInt8(at);
    const second = bytes.readUInt8(at + 1);
    const opcode = first & 0x0f;
    const short = second & 0x7f;
    const head = short < longest ? 2 : short === longest ? 4 : 10;
    if (at + head > bytes.length) break;
    const length =
      head === 2 ? short : head === 4 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    if (at + head + length > bytes.length) break;
    const payload = bytes.subarray(at + head, at + head + length);
    at += head + length;
    if (second & 0x80) reading.flaws.push('a frame of the gateway is masked');
    if (first & 0x70) reading.flaws.push('a frame of the gateway has reserved bits');
    if (opcode === 8) reading.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
    else if (opcode === 0 || opcode === 1) {
      message.push(payload);
      if (first & 0x80) {
        reading.messages.push(Buffer.concat(message).toString());
        message = [];
      }
    } else if (opcode !== 9 && opcode !== 10)
      reading.flaws.push(`a frame of the gateway has the opcode ${opcode}`);
  }
  return reading;
}
