"""What lies beside media in real folders and is left out by its name: in scans, stores, watch folders.

Everything that is not named here is opened and judged by its content.
"""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

Reason = Literal["no_media", "segments", "unfinished", "system", "hidden", "ignore", "linked", "special"]
REASONS: Final[dict[Reason, str]] = {
    "no_media": "no media (sidecars, texts, sound, archives)",
    "segments": "segments of streams, which a playlist puts together",
    "unfinished": "unfinished downloads",
    "system": "bins, previews and files of a system, a NAS or a media server",
    "hidden": "hidden",
    "ignore": "as the setting `ignore` says",
    "linked": "links to folders that are scanned anyway",
    "special": "pipes, sockets, devices",
}
_TEXTS = "csv tsv txt md json jsonl xml yaml yml toml log html htm css js py sh pdf rtf epub"
_OFFICE = "doc docx odt xls xlsx ods ppt pptx odp"
_SUBTITLES = "srt sub idx ass ssa vtt smi sami sup usf ttml dfxp stl scc sbv psb rt mks itt lrc pgs"
_SIDECARS = (
    "nfo xmp opf plist url webloc lnk desktop torrent magnet nzb edl cue chapters ffmeta ffmetadata vprj"
)
_SUMS = "sfv md5 sha1 sha256 sha512 crc ffp par par2"
_ARCHIVES = "zip rar 7z tar gz tgz bz2 xz zst ace arj lzh cab"
_DISCS = "ifo bup bdmv mpls clpi bdjo jar"  # the .vob and .m2ts beside them are media
_CAMERAS = "moff modd cpi bdm mpl tdt tid bim ppn cpf bnp"
_SOUND = "mp3 flac aac ac3 eac3 dts dtshd thd wav wma ogg oga opus ape aif aiff mka mpc wv m4a m4b amr mid"
_LISTS = "m3u m3u8 pls xspf wpl asx strm smil"
_SEGMENTS = frozenset({".m4s", ".cmfv", ".cmfa", ".cmft"})  # of DASH, HLS, CMAF
_FONTS = "ttf otf ttc woff woff2"
_SYSTEMS = "db sqlite sqlite3 ini cfg bif exe dll sys bat cmd ps1 msi vbs reg ds_store parquet"
_GROUPS = (_TEXTS, _OFFICE, _SUBTITLES, _SIDECARS, _SUMS, _ARCHIVES, _DISCS, _CAMERAS, _SOUND, _LISTS, _FONTS)
_NO_MEDIA = frozenset(f".{suffix}" for group in (*_GROUPS, _SYSTEMS) for suffix in group.split())
# Volumes: .r00 of RAR, .z01 of ZIP, .001 of a file that was split; .264 is a stream.
_VOLUME = re.compile(r".\.([rsz]\d\d\d?|0\d\d)$")
# Of uploaders, browsers, torrent clients, yt-dlp (.part-Frag7), editors.
_UNFINISHED = re.compile(
    r"\.(part|partial|partial~|partl|tmp|temp|filepart|crdownload|opdownload|download|upload|uploading|dlpart|"
    r"dtapart|fdmdownload|unfinished|incomplete|aria2|ytdl|!qb|!ut|!bt|!sync|bc!|jc!|bts|xltd|td|st|"
    r"lftp-pget-status|part-frag\d+)$|~$"
)
CONTROL = (".aria2", ".st", ".lftp-pget-status")  # beside a file under its final name while it is fetched
_SYSTEM_FOLDERS = re.compile(
    # Synology and QNAP; bins of NAS systems; Windows; macOS; file systems; snapshots; clients; media servers
    r"@eadir|@tmp|@sharebin|@synoresource|@__thumb|@transcode|@recently-snapshot|#recycle|#snapshot|@recycle|"
    r"network trash folder|trashbox|recycle\.bin|recycled?|recycler|\$recycle\.bin|system volume information|"
    r"found\.\d{3}|config\.msi|__macosx|temporary items|lost\+found|~snapshot|files_trashbin|files_versions|"
    r"_unpack_.*|_failed_.*|__admin__|.+\.download|.+\.trickplay"
)
_SYSTEM_FILES = re.compile(
    r"icon\r|~\$.*|.*@synoeastream|.*@synoresource|syno@.*|snapraid\.(content|parity)|pagefile\.sys|hiberfil\.sys"
)


class Leftovers:
    """Says of a name why it is left out. `globs` are of a user: `*-trailer.*`, `Extras/`, `raw/*.mov`.

    A glob with a `/` inside is compared with the path below the folder that is scanned, one with a `/` at its
    end with folders only; letters large and small are the same.
    """

    def __init__(self, globs: Sequence[str] = ()) -> None:
        anything = [glob.lower() for glob in globs if not glob.endswith("/")]
        folders = [glob.lower().rstrip("/") for glob in globs]
        self._names = _joined(glob for glob in anything if "/" not in glob)
        self._paths = _joined(glob for glob in anything if "/" in glob)
        self._folder_names = _joined(glob for glob in folders if "/" not in glob)
        self._folder_paths = _joined(glob for glob in folders if "/" in glob)

    def of_folder(self, below: str) -> Reason | None:
        """Why the folder at `below` (its path under the root, `/` between) is left out, or None."""
        name = below.rpartition("/")[2].lower()
        if _hidden(name):
            return "hidden"
        if _SYSTEM_FOLDERS.fullmatch(name):
            return "unfinished" if name.endswith(".download") else "system"
        ignored = self._folder_names.fullmatch(name) or self._folder_paths.fullmatch(below.lower())
        return "ignore" if ignored else None

    def of_file(self, below: str, beside: Collection[str] = ()) -> Reason | None:
        """The same of a file; `beside` are the names in its folder that end in one of CONTROL."""
        written = below.rpartition("/")[2]
        name = written.lower()
        if _hidden(name):
            return "hidden"
        if _UNFINISHED.search(name) or any(written + suffix in beside for suffix in CONTROL):
            return "unfinished"
        if _SYSTEM_FILES.fullmatch(name):
            return "system"
        if _suffix(name) in _SEGMENTS:
            return "segments"
        if _suffix(name) in _NO_MEDIA or _VOLUME.search(name):
            return "no_media"
        ignored = self._names.fullmatch(name) or self._paths.fullmatch(below.lower())
        return "ignore" if ignored else None

    def of_key(self, below: str) -> Reason | None:
        """The same of an object by its key: by its name, or by any folder on the way."""
        folders = _prefixes(below)[:-1]
        return next(filter(None, map(self.of_folder, folders)), None) or self.of_file(below)


def _hidden(name: str) -> bool:
    """`..` in a key is a name like any other."""
    return name.startswith(".") and name.strip(".") != ""


def _suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return f".{suffix}" if stem and dot else ""


def _prefixes(below: str) -> list[str]:
    parts = below.split("/")
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]


def _joined(globs: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, globs)) or r"(?!)")
