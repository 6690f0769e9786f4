#!/bin/sh
# Makes the spoken notices, de.opus and en.opus: two soft tones, then one sentence. Needs Debian's flite, ffmpeg and
# opus-tools.
#
# The voice is Flite's "slt" by Carnegie Mellon University, which may be used, copied and distributed without
# restriction, and so may what it says. It speaks English only: the German sentence is given to it in sounds and has
# an English accent. Whoever wants a better one records it and sets calls.recording.notice.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -r "$tmp"' EXIT
flite -voice slt -t "This call is being recorded." -o "$tmp/en.wav"
flite -voice slt -p "pau d iy z ax s pau g ax sh p r eh sh pau v ih r t aw f g ax t s ay sh n ax t pau" -o "$tmp/de.wav"
for language in de en; do
	ffmpeg -v error -y -f lavfi -i "sine=f=587.33:d=0.22:r=48000,afade=t=in:d=0.02,afade=t=out:st=0.05:d=0.17,volume=0.2" \
		-f lavfi -i "sine=f=783.99:d=0.4:r=48000,afade=t=in:d=0.02,afade=t=out:st=0.05:d=0.35,volume=0.2" -i "$tmp/$language.wav" \
		-filter_complex "[2]aresample=48000,volume=0.75[said];[0][1][said]concat=n=3:v=0:a=1,apad=pad_dur=0.3" -ac 1 -bitexact "$tmp/all.wav"
	opusenc --quiet --discard-comments --serial 1 --speech --bitrate 24 --framesize 20 "$tmp/all.wav" "$language.opus"
done
