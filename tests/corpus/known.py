"""Files on which we and the others differ for a reason, by name. Nothing else may differ."""

_HEIC = "HEIC is refused by its first bytes: no such library is loaded"
_TONE = "HDR is tone-mapped, which none of the others does"
_DAMAGED = "damaged: the others show what came before the damage, for quality control there is no picture"
_BY_NAME = "refused by name"

EXPLAINED: dict[str, str] = {
    "dn_IMG_2927.HEIC": _HEIC,
    "dn_cheers_1440x960.heic": _HEIC,
    "dn_exif-at-eof.heic": _HEIC,
    "pil_broken_data_stream.png": _DAMAGED,
    "pil_crash-d2c93af851d3ab9a19e34503626368b2ecde9c03.j2k": _DAMAGED,
    "pil_invalid_header_length.jp2": _DAMAGED,
    "pil_truncated_end_chunk.png": _DAMAGED,
    "pil_truncated_image.png": _DAMAGED,
    "pil_truncated_jpeg.jpg": _DAMAGED,
    "sharp_truncated.jpg": _DAMAGED,
    "sharp_truncated.png": _DAMAGED,
    "pil_hopper.Lab.tif": "Lab of 8 bits: each library has its own white and rounding",
    "pil_icc_profile_big.jpg": "its profile lacks the intent libvips asks for; the others do not convert",
    "sharp_Channel_digital_image_CMYK_color.jpg": "another intent of the same CMYK profile",
    "pil_png_decompression_dos.png": "a text that unpacks to gigabytes",
    "sharp_cielab-dagams.tiff": _BY_NAME,
    "sentence_tiff-webp-compression-called-damaged.tif": _BY_NAME,
    "wrong-pixels_tiff-planar-rgb16-noise.tif": _BY_NAME,
    "wrong-pixels_avif-pq-bt2020-read-as-srgb.avif": _TONE,
    "s_hdrpq.avif": _TONE,
    "c01_audio_cover.m4a": "audio with a cover is no video",
    "tiny_mpeg4_50x50.mp4": "a pattern of 50 px whose planes are the same: chroma is made larger otherwise",
    "vp9_270p.webm": "its sound begins 7 ms before zero (the encoder's delay), which shifts no picture here",
    "c03_jump25h.ts": "a clock that jumps by 25 hours is joined; ffmpeg shows the jump",
    "encrypted-accepted_cenc-h264-850-of-864-corrupt.mp4": "encrypted: ffmpeg shows the grey it makes of it",
    "encrypted_sentence-says-moov-missing.mp4": "encrypted",
}
