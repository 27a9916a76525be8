#!/usr/bin/env -S node --conditions=@sekimori/source
import '../src/boot-recorded.ts';
