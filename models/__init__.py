"""Clips to logits: DVT, ViViT, VidTr, Video Swin and MViT."""
