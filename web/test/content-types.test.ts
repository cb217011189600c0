import { expect, it } from 'vitest';
import { extensionOf, showingOf, typeOfFile } from '../src/lib/bytes/content-types.ts';

it('what a browser could run is never shown as what it is', () => {
  const shown = [
    'text/html',
    'application/xhtml+xml',
    'text/xml',
    'image/svg+xml',
    'application/javascript',
    '',
  ];
  expect(shown.map(showingOf)).toEqual(['text', 'text', 'text', 'drawing', 'file', 'file']);
});

it('pictures, sounds and JSON are known by their types, with parameters or without', () => {
  const shown = [
    'image/png',
    'IMAGE/JPEG; q=1',
    'audio/wav',
    'video/mp4',
    'application/problem+json',
    'image/tiff',
  ];
  expect(shown.map(showingOf)).toEqual(['picture', 'picture', 'audio', 'video', 'json', 'file']);
});

it('a file is named after its content', () => {
  const named = ['image/png', 'image/jpeg', 'audio/mpeg', 'image/*', 'application/x-tensor', '', 'a/../../b'];
  expect(named.map(extensionOf)).toEqual(['.png', '.jpg', '.mp3', '.bin', '.bin', '.bin', '.bin']);
});

it('a file is sent as what it is, where that is taken', () => {
  expect(typeOfFile('image/png', 'image/*')).toBe('image/png');
  expect(typeOfFile('image/png', 'audio/*')).toBeUndefined();
  expect(typeOfFile('', 'image/*')).toBeUndefined();
  expect(typeOfFile('', 'application/x-tensor')).toBe('application/x-tensor');
  expect(typeOfFile('application/octet-stream', 'application/x-tensor')).toBe('application/x-tensor');
  expect(typeOfFile('', '*/*')).toBe('application/octet-stream');
  expect(typeOfFile('text/html; charset="ü"', '*/*')).toBeUndefined();
});
