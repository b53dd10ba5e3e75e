// What somebody typed: a message, or a command that begins with a slash.

/** @import { Typed } from './types.js' */

/** The commands with what they want, for the list that opens on a slash. */
export const COMMANDS = [
  { name: 'nick', wants: 'NAME', does: 'Take another name' },
  { name: 'join', wants: 'ROOM', does: 'Join or create a room' },
  { name: 'leave', wants: '[ROOM]', does: 'Leave this room, or another' },
  { name: 'rooms', wants: '', does: 'Show the rooms there are' },
  { name: 'me', wants: 'ACTION', does: 'Say what you do' },
  { name: 'msg', wants: 'NICK TEXT', does: 'Tell one person' },
  { name: 'topic', wants: '[TEXT]', does: 'Show the topic, or set it; - clears it' },
  { name: 'who', wants: '[ROOM]', does: 'Show who is here, or in another room' },
  { name: 'search', wants: 'WORDS', does: 'Search this room' },
  { name: 'plug', wants: '', does: 'Plug something in' },
  { name: 'wires', wants: '', does: 'Show the live connections' },
  { name: 'help', wants: '', does: 'Show keys and commands' },
];

/**
 * @param {string} text
 * @returns {Typed}
 */
export function understand(text) {
  // As in the text protocol: letters, and then a space or the end; two slashes say one.
  const command = /^\/([a-z]+)(?:\s+([\s\S]*))?$/i.exec(text.trimEnd());
  if (!command) return { do: 'say', text: text.startsWith('//') ? text.slice(1) : text, action: false };
  const [, name, rest = ''] = command;
  const word = rest.trim();
  switch (name.toLowerCase()) {
    case 'me': return word ? { do: 'say', text: word, action: true } : { do: 'wrong', why: '/me wants what you do' };
    case 'msg': {
      const to = /^(\S+)\s+([\s\S]+)$/.exec(word);
      return to ? { do: 'tell', nick: to[1].replace(/^@(?=.)/, ''), text: to[2] } : { do: 'wrong', why: '/msg wants a nick and a text' };
    }
    case 'nick': return word ? { do: 'nick', word } : { do: 'wrong', why: '/nick wants a name' };
    case 'join': return word ? { do: 'join', word: word.replace(/^#/, '') } : { do: 'wrong', why: '/join wants a room' };
    case 'pass': return word ? { do: 'pass', word } : { do: 'wrong', why: '/pass wants the join code' };
    case 'topic': return word ? { do: 'topic', text: word === '-' ? '' : word } : { do: 'tell-topic' };
    case 'leave': return { do: 'leave', word };
    case 'rooms': return { do: 'rooms', word };
    case 'history': return { do: 'wrong', why: 'The history is above: scroll up, or search it' };
    case 'quit': return { do: 'wrong', why: 'Close the page to quit; /leave leaves a room' };
    case 'who': return { do: 'who', word };
    case 'search': return { do: 'search', word };
    case 'plug': return { do: 'plug', word };
    case 'wires': return { do: 'wires', word };
    case 'help': return { do: 'help', word };
    default: return { do: 'wrong', why: `There is no /${name}; // says a slash` };
  }
}
